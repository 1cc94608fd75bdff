import struct NIOCore.ByteBuffer

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
  /// What the response that the caller took last was compressed with.
  var latestCompression = CompressionAlgorithm.identity
  /// Whether the chain waits for the running attempt no more.
  var isAbandoned = false
  var isCancelled = false
  var hasFinishedRequests = false
  /// What the caller has written, for the attempts to come.
  var kept = KeptRequests()
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

  /// Whether another attempt can send all that the caller has written.
  var canBeReissued: Bool { !self.isCommitted && self.kept.isComplete }

  /// Takes a request message of the caller's, or says who must.
  mutating func take(_ message: ByteBuffer, wish: Bool?) -> OnWrite {
    if self.end != nil { return .ended }
    let isKept = self.kept.keep(message, wish: wish, isNeeded: !self.isCommitted)
    guard let attempt = self.attempt, !self.kept.isReplaying else { return isKept ? .kept : .mustWait }
    return .send(attempt, self.number, isKept: isKept)
  }

  enum OnWrite {
    case send(StreamAttempt, Int, isKept: Bool)
    /// It goes out with the replay that is under way, or with that of the next attempt.
    case kept
    case mustWait
    case ended
  }

  enum OnReplay {
    case message(ByteBuffer, wish: Bool?)
    /// The attempt has all that was written: the caller's writers go on.
    case caughtUp(hasFinishedRequests: Bool, Resumptions)
    /// It is not the running attempt any more.
    case superseded
  }

  /// What comes next for an attempt that catches up with the caller.
  mutating func replay(by number: Int) -> OnReplay {
    guard self.number == number, self.kept.isReplaying else { return .superseded }
    if let kept = self.kept.next(isNeededAgain: !self.isCommitted) {
      return .message(kept.message, wish: kept.wish)
    }
    return .caughtUp(
      hasFinishedRequests: self.hasFinishedRequests,
      Resumptions(waiters: self.takeWaiters())
    )
  }

  /// The attempt ended before it had caught up: whoever waits for it learns so by writing to it.
  mutating func stopReplay(by number: Int) -> Resumptions {
    guard self.number == number else { return Resumptions() }
    self.kept.stopReplay()
    return Resumptions(waiters: self.takeWaiters())
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
