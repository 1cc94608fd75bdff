import BulwarkCore
import BulwarkInterceptors
import BulwarkTestKit

/// Has calls arrive at the gate of a server's policies, as its connections do.
struct GateDriver {
  private let gate: any AdmissionGate
  private let clock: VirtualClock

  init(_ policies: Policies, _ clock: VirtualClock) {
    self.gate = policies.gate
    self.clock = clock
  }

  func admit(
    _ method: MethodDescriptor = Sample.call,
    from peer: String = "ipv4:10.0.0.1:5000",
    within: Duration? = nil
  )
    -> Admission
  {
    var call = ArrivingCall(
      method: method,
      peer: Peer(address: peer),
      arrival: self.clock.now,
      deadline: within.map { self.clock.now.advanced(by: $0) }
    )
    return self.gate.bound(to: method).admit(&call)
  }

  /// So many calls at once; what became of each.
  func admit(_ count: Int, _ method: MethodDescriptor = Sample.call) -> [Admission] {
    (0..<count).map { _ in self.admit(method) }
  }
}

extension Admission {
  var isAdmitted: Bool {
    switch self {
    case .admitted, .holding: true
    case .waiting, .rejected: false
    }
  }

  var isWaiting: Bool {
    if case .waiting = self { true } else { false }
  }

  var error: RPCError? {
    if case .rejected(let error) = self { error } else { nil }
  }

  /// Ends the call, if it began.
  func end(_ code: StatusCode = .ok) {
    if case .holding(let permit) = self { permit.settle(.answered(code)) }
  }

  /// What comes of the wait.
  func wait() async throws(RPCError) -> (any AdmissionPermit)? {
    guard case .waiting(let wait) = self else { return nil }
    return try await wait()
  }
}

extension [Admission] {
  var admitted: Int { self.count(where: \.isAdmitted) }
  var waiting: Int { self.count(where: \.isWaiting) }
  var rejected: Int { self.count { $0.error != nil } }
}
