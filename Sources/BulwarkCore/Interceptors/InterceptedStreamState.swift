/// Where an intercepted stream stands: changed under its lock alone.
struct InterceptedStreamState {
  /// What the caller reads from and writes to; nil before an attempt, between two, and after the last.
  var attempt: StreamAttempt?
  /// How many attempts there were: tells the running one from those before.
  var number = 0
  /// How the running attempt ended below.
  var transportEnd: RPCError??
  /// How the running attempt ended, until `follow` takes it.
  var outcome: RPCError??
  var follower: CheckedContinuation<RPCError?, Never>?
  /// What the chain made of the call: the caller's answer.
  var end: Result<CallResponse, RPCError>?
  /// Whether a part of a response has been handed to the caller.
  var isCommitted = false
  /// Whether the chain waits for the running attempt no more.
  var isAbandoned = false
  var isCancelled = false
  var hasFinishedRequests = false
  var waiters: [CheckedContinuation<Void, Never>] = []
  var onEnd: (@Sendable (RPCError?) -> Void)?
  var task: Task<Void, Never>?
}

extension InterceptedStreamState {
  /// Why there may be no other attempt.
  var refusal: RPCError? {
    if self.isCancelled || self.end != nil { return .cancelledByCaller }
    // A second attempt beside one that runs, or after a part of its response, would mix two responses.
    let isRunning = self.attempt != nil && self.transportEnd == nil
    return self.isCommitted || isRunning ? .alreadyCommitted : nil
  }

  /// The running attempt is over for the chain. The first outcome stays.
  mutating func settle(_ outcome: RPCError?) -> Resumptions {
    guard self.outcome == nil else { return Resumptions() }
    self.outcome = .some(outcome)
    return Resumptions(follower: self.follower.take().map { ($0, outcome) })
  }

  /// The call is over for its caller. The first end stays.
  mutating func complete(_ end: Result<CallResponse, RPCError>) -> Resumptions {
    guard self.end == nil else { return Resumptions() }
    self.end = end
    return Resumptions(
      waiters: self.takeWaiters(),
      onEnd: self.onEnd.take().map { ($0, end.failure) }
    )
  }

  mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
    defer { self.waiters = [] }
    return self.waiters
  }
}

/// Who goes on after a change of an intercepted stream, resumed outside the lock.
struct Resumptions {
  var follower: (CheckedContinuation<RPCError?, Never>, RPCError?)?
  var waiters: [CheckedContinuation<Void, Never>] = []
  var onEnd: (call: @Sendable (RPCError?) -> Void, error: RPCError?)?

  func resume() {
    if let (follower, outcome) = self.follower { follower.resume(returning: outcome) }
    for waiter in self.waiters {
      waiter.resume()
    }
    if let (call, error) = self.onEnd { call(error) }
  }
}
