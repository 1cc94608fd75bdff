public import BulwarkCore
public import BulwarkHTTP2

/// What a queueing gate lets a call wait for.
public typealias AdmissionWait = @Sendable () async throws(RPCError) -> (any AdmissionPermit)?

// Gates: asked when the headers of a call are complete; the permits that they give out are kept until it is over.
extension ServerConnection {
  /// Asks the gates of a call, in order. The first that rejects it ends it, and the others get back what they gave.
  ///
  /// - Parameter call: the call; left with the deadline that the gates allow it.
  /// - Returns: the status of the call if it was rejected.
  func admit(_ call: inout ArrivingCall, to stream: HTTP2StreamID, _ gates: [any AdmissionGate]) -> RPCError?
  {
    var held: HeldPermits?
    for gate in gates {
      if let limit = gate.timeLimit(for: call) { call.limit(to: limit) }
      switch gate.admit(call) {
      case .admitted: break
      case .holding(let permit): self.emptyPermits(&held).add(permit)
      case .waiting(let wait): self.emptyPermits(&held).add(wait)
      case .rejected(let error):
        if let held {
          held.settle(.withdrawn)
          self.sparePermits.append(held)
        }
        return error
      }
    }
    if let held { self.permits[stream] = held }
    return nil
  }

  private func emptyPermits(_ held: inout HeldPermits?) -> HeldPermits {
    if let held { return held }
    let empty = self.sparePermits.popLast() ?? HeldPermits()
    held = empty
    return empty
  }

  /// What the task of a call has to wait for before its handler may begin, in order. The permits that come of it go
  /// to `hold`.
  public func takeWaits(of id: HTTP2StreamID) -> [AdmissionWait] {
    guard !self.permits.isEmpty else { return [] }
    return self.permits[id]?.takeWaits() ?? []
  }

  /// Keeps a permit that a started call has waited for, until that call is over.
  public func hold(_ permit: any AdmissionPermit, for id: HTTP2StreamID) {
    self.permits[id]?.add(permit)
  }

  /// Follows a call that may hold permits, and takes them back when it is over.
  func updatePermits(of id: HTTP2StreamID, _ change: (HeldPermits) -> Void) {
    guard !self.permits.isEmpty, let held = self.permits[id] else { return }
    change(held)
    guard let outcome = held.finalOutcome else { return }
    self.permits[id] = nil
    held.settle(outcome)
    if self.sparePermits.count < Self.maxSparePermits { self.sparePermits.append(held) }
  }

  /// Calls beyond these make theirs anew.
  private static let maxSparePermits = 64

  /// How many calls hold permits.
  package var callsWithPermits: Int { self.permits.count }
}
