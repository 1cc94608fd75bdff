/// Decides on a server whether a call may begin: the synchronous sibling of an interceptor.
///
///     struct PeerGate: AdmissionGate {
///       let allowed: Set<Peer>
///       func admit(_ call: inout ArrivingCall) -> Admission {
///         self.allowed.contains(call.peer)
///           ? .admitted : .rejected(RPCError(code: .permissionDenied, message: "unknown peer"))
///       }
///     }
///
/// It is asked as soon as the call's headers are complete. A rejected call has cost those headers and nothing more:
/// no byte of its body is kept, no task is started and nothing is decoded; its status goes out alone
/// (trailers-only). A call past its deadline is not asked about.
///
/// `admit` runs on the connection's event loop, for calls of many connections at once, and must not block.
public protocol AdmissionGate: Sendable {
  /// Whether it stands before the calls of this method. Asked once per method, not once per call. Default: true.
  func applies(to method: MethodDescriptor) -> Bool

  /// What stands before the calls of this method: itself, or something that has looked up beforehand what it needs for
  /// them. Asked once per method. Default: itself.
  func bound(to method: MethodDescriptor) -> any AdmissionGate

  /// Decides about a call, and may bound its time: ``ArrivingCall/limit(to:)``.
  func admit(_ call: inout ArrivingCall) -> Admission
}

extension AdmissionGate {
  public func applies(to method: MethodDescriptor) -> Bool { true }

  public func bound(to method: MethodDescriptor) -> any AdmissionGate { self }
}

/// A call whose headers have come.
public struct ArrivingCall: Sendable {
  /// The method.
  public let method: MethodDescriptor
  /// The metadata that the client sent.
  public let metadata: Metadata
  /// The client.
  public let peer: Peer
  /// When the call came.
  public let arrival: MonotonicInstant
  /// When the call runs out of time, or nil; later than `arrival`. The earlier of what the client gives it and what the
  /// gates so far allow.
  public private(set) var deadline: MonotonicInstant?

  /// Creates a call; servers and tests do.
  public init(
    method: MethodDescriptor,
    metadata: Metadata = [:],
    peer: Peer,
    arrival: MonotonicInstant,
    deadline: MonotonicInstant? = nil
  ) {
    self.method = method
    self.metadata = metadata
    self.peer = peer
    self.arrival = arrival
    self.deadline = deadline
  }
}

extension ArrivingCall {
  /// Bounds the call's time, from its arrival to the last byte of its response, whatever time the client gives it. The
  /// shortest of all limits counts.
  public mutating func limit(to time: Duration) {
    self.limit(toNanoseconds: time.saturatedNanoseconds)
  }

  /// The same with a time that was converted beforehand: a `Duration` of 128 bits takes a division.
  package mutating func limit(toNanoseconds time: Int64) {
    let end = self.arrival.advanced(byNanoseconds: time)
    self.deadline = self.deadline.map { min($0, end) } ?? end
  }

  /// What the handler is told of the call, now that it may begin.
  package consuming func admitted(time: TimeSource) -> CallContext {
    CallContext(
      method: self.method,
      metadata: self.metadata,
      peer: self.peer,
      deadline: self.deadline,
      time: time
    )
  }
}

/// What a gate decides.
public enum Admission: Sendable {
  /// The call may go on; nothing is to be given back.
  case admitted
  /// The call may go on, and holds this until it is over.
  case holding(any AdmissionPermit)
  /// The call may go on after a wait, which its task begins with. The place to wait in must be bounded: a waiting
  /// call has its body, and its task.
  ///
  /// The wait ends early when its task is cancelled: the deadline has passed, or the client has gone. What it throws
  /// is the call's status. A call that ends before its task begins lets the closure go without running it: a place that
  /// was reserved here is released by the `deinit` of an object that the closure holds. The gates after this one decide
  /// at once, and hold what they give during the wait: let the one that waits be the last.
  case waiting(@Sendable () async throws(RPCError) -> (any AdmissionPermit)?)
  /// The call ends here, with this status. `grpc-retry-pushback-ms` in its metadata says when to come back.
  case rejected(RPCError)
}

/// What an admitted call holds: a place, a token, a probe.
///
/// A structure of up to three words (a reference and two integers) is kept without an allocation.
public protocol AdmissionPermit: Sendable {
  /// Takes the permit back. Called exactly once, on the connection's event loop: when the handler has really returned
  /// and the last byte of the response is out, or no more can go.
  func settle(_ outcome: AdmissionOutcome)
}

/// How a call that held a permit ended.
public enum AdmissionOutcome: Hashable, Sendable {
  /// The call was answered with this status, and the answer is out.
  case answered(StatusCode)
  /// The client ended the call, or the connection was lost, before the answer was out.
  case abandoned
  /// The call never began: another gate rejected it.
  case withdrawn
}
