import Synchronization

/// Makes further attempts at an operation that failed: after a growing delay, within a budget, and never in vain.
///
/// It gives up at once, rather than sleep first, if the next attempt would start after the deadline, if the circuit
/// would still be open then, or if the budget is spent. Whoever gives up returns or throws the outcome of the last
/// attempt. Safe to use from any thread; an operation that succeeds at its first attempt allocates nothing.
public final class Retry: Sendable {
  /// The name that errors, events and stats bear.
  public let name: String
  /// What happens to the operations.
  public let events = PolicyEvents()
  /// What pays for the retries; `nil` if nothing bounds them.
  public let budget: RetryBudget?

  let clock: PolicyClock
  private let random: RandomSource
  private let operations = StripedCounter()
  private let counts = RetryCounts()
  // Two of the options for the path that takes no lock, in nanoseconds; Int64.max for any time.
  private let totalLimit: Atomic<Int64>
  private let attemptLimit: Atomic<Int64>
  private let currentOptions: Mutex<RetryOptions>

  /// A retry.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range.
  public init(
    name: String,
    options: RetryOptions = RetryOptions(),
    budget: RetryBudget? = nil,
    clock: PolicyClock = .system,
    random: RandomSource = .system
  ) throws(InvalidOption) {
    try options.validate()
    self.name = name
    self.budget = budget
    self.clock = clock
    self.random = random
    self.totalLimit = Atomic(options.totalTimeout?.wholeNanoseconds ?? .max)
    self.attemptLimit = Atomic(options.attemptTimeout?.wholeNanoseconds ?? .max)
    self.currentOptions = Mutex(options)
  }

  /// The options now in force.
  public var options: RetryOptions { self.currentOptions.withLock { $0 } }

  /// Replaces the options. An operation under way keeps those that it found when its first attempt failed.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range; then nothing changes.
  public func reconfigure(_ options: RetryOptions) throws(InvalidOption) {
    try options.validate()
    self.currentOptions.withLock {
      $0 = options
      self.totalLimit.store(options.totalTimeout?.wholeNanoseconds ?? .max, ordering: .relaxed)
      self.attemptLimit.store(options.attemptTimeout?.wholeNanoseconds ?? .max, ordering: .relaxed)
    }
    self.emit(.reconfigured)
  }

  /// What has happened so far.
  public var stats: RetryStats {
    self.counts.stats(operations: self.operations.value, budget: self.budget?.stats)
  }

  /// Runs an operation until its outcome stands.
  ///
  /// - Parameters:
  ///   - deadline: When the caller's own time ends. No further attempt starts then or later, and no sleep is begun that
  ///     would end so late; keeping to it within an attempt is the operation's part, unless a timeout is set.
  ///   - circuit: For how long from an instant on no attempt would be admitted; `nil` if one would be. Asked before each
  ///     sleep.
  ///   - classify: What follows from an error.
  ///   - judge: What follows from a value that was returned; by default it stands.
  ///   - operation: One attempt, on the caller's actor.
  /// - Returns: The value of the last attempt.
  /// - Throws: The error of the last attempt; `.timedOut` if that was out of time; `.cancelled` if the caller's task was
  ///   cancelled between two attempts. An attempt that ended when the task was already cancelled is the last one,
  ///   whatever was decided about it.
  // Inlinable, so that the operation is called as in a loop of the caller's own: 20 times as fast.
  @inlinable
  public func run<Value, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    circuit: (PolicyClock.Instant) -> Duration? = { _ in nil },
    classify: (PolicyError<Failure>) -> RetryDecision = { .standard(for: $0) },
    judge: (Value) -> RetryDecision = { _ in .stop },
    operation: (Attempt) async throws(PolicyError<Failure>) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let limits = self.begin(deadline: deadline)
    var sequence: RetryMachine?
    while true {
      let (attempt, limit) = self.attempt(after: sequence, within: limits)
      let outcome: Result<Value, PolicyError<Failure>>
      let decision: RetryDecision
      var rejection: Rejection?
      do throws(PolicyError<Failure>) {
        let value =
          if let limit {
            try await self.limited(attempt, to: limit, operation)
          } else {
            try await operation(attempt)
          }
        decision = judge(value)
        if decision == .stop {
          self.succeeded(attempt)
          return value
        }
        if Task.isCancelled { return value }
        outcome = .success(value)
      } catch {
        decision = Task.isCancelled ? .stop : classify(error)
        rejection = error.rejection
        outcome = .failure(error)
      }
      guard
        let pause = self.next(
          after: &sequence,
          decision,
          rejection: rejection,
          deadline: limits.end,
          circuit: circuit
        )
      else { return try outcome.get() }
      switch await self.wakeUp(from: pause, after: sequence, before: limits.end) {
      case .inTime: break
      case .late: return try outcome.get()
      case .cancelled: throw .cancelled
      }
    }
  }

  /// Runs an operation that throws errors of its own kind until its outcome stands. All else is as in the other form.
  // Inlinable, so that the operation is called as in a loop of the caller's own: 20 times as fast.
  @inlinable
  public func run<Value, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    circuit: (PolicyClock.Instant) -> Duration? = { _ in nil },
    classify: (Failure) -> RetryDecision = { .standard(for: $0) },
    judge: (Value) -> RetryDecision = { _ in .stop },
    operation: (Attempt) async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    try await self.run(
      deadline: deadline,
      circuit: circuit,
      classify: { (error: PolicyError<Failure>) in
        if case .operation(let failure) = error { classify(failure) } else { error.retryDecision }
      },
      judge: judge,
      operation: { (attempt) async throws(PolicyError<Failure>) -> Value in
        do throws(Failure) { return try await operation(attempt) } catch { throw .operation(error) }
      }
    )
  }

  /// Counts an operation in, and says within which times it must end.
  @usableFromInline
  func begin(deadline: PolicyClock.Instant?) -> RetryLimits {
    self.operations.increment()
    self.budget?.recordRequest()
    let total = self.totalLimit.load(ordering: .relaxed)
    let end = deadline?.nanoseconds ?? .max
    return RetryLimits(
      end: total == .max ? end : min(end, self.clock.nanoseconds.saturatingAdding(total)),
      attempt: self.attemptLimit.load(ordering: .relaxed),
      isTotalLimited: total < .max
    )
  }

  /// The attempt that comes now, and its limit if it has one.
  @usableFromInline
  func attempt(after sequence: RetryMachine?, within limits: RetryLimits) -> (Attempt, RetryLimits.Limit?) {
    let number = (sequence?.settled ?? 0) + 1
    let delay = sequence?.delay ?? 0
    guard limits.isTotalLimited || limits.attempt < .max else {
      return (Attempt(number: number, delay: delay, deadline: limits.end), nil)
    }
    let now = self.clock.nanoseconds
    let ownEnd = now.saturatingAdding(limits.attempt)
    let end = min(limits.end, ownEnd)
    let limit = RetryLimits.Limit(end: end, duration: max(end.saturatingSubtracting(now), 0))
    let isCutByOwnLimit = ownEnd < limits.end
    return (Attempt(number: number, delay: delay, deadline: end, isCutByOwnLimit: isCutByOwnLimit), limit)
  }

  @usableFromInline
  func limited<Value, Failure: Error>(
    _ attempt: Attempt,
    to limit: RetryLimits.Limit,
    _ operation: (Attempt) async throws(PolicyError<Failure>) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    if limit.duration > 0 {
      let value = try await cancelling(at: limit.end, on: self.clock) {
        () async throws(PolicyError<Failure>) -> Value in try await operation(attempt)
      }
      if let value { return value }
    }
    self.counts.timedOutAttempts.wrappingAdd(1, ordering: .relaxed)
    let duration = Duration.nanoseconds(limit.duration)
    self.emit(.timedOut(limit: duration))
    throw .timedOut(TimedOut(policy: self.name, limit: duration))
  }

  @usableFromInline
  func succeeded(_ attempt: Attempt) {
    self.budget?.recordSuccess()
    if attempt.number > 1 { self.counts.recovered.wrappingAdd(1, ordering: .relaxed) }
  }

  /// The pause before the next attempt; `nil` if there is none.
  @usableFromInline
  func next(
    after sequence: inout RetryMachine?,
    _ decision: RetryDecision,
    rejection: Rejection?,
    deadline: Int64,
    circuit: (PolicyClock.Instant) -> Duration?
  ) -> RetryPause? {
    guard decision != .stop else { return nil }
    if rejection == nil { self.budget?.recordFailure() }
    let now = self.clock.now
    // Taken as a pushback, the rest of the break would have all callers come back in the same nanosecond.
    let refusedFor = rejection?.circuitClosedFor
    var closedFor = circuit(now)?.wholeNanoseconds
    if let refusedFor { closedFor = max(closedFor ?? 0, refusedFor) }
    var withdrawal: RetryBudget.Withdrawal?
    var machine = sequence ?? RetryMachine(options: self.options, deadline: deadline)
    var random = self.random
    let action = machine.attemptSettled(
      refusedFor == nil ? decision : .retry(),
      now: now.nanoseconds,
      closedFor: closedFor,
      budget: {
        guard let budget else { return true }
        withdrawal = budget.take()
        return withdrawal != nil
      },
      using: &random
    )
    sequence = machine
    switch action {
    case .stop:
      return nil
    case .exhausted:
      self.counts.exhausted.wrappingAdd(1, ordering: .relaxed)
      return nil
    case .giveUp(let reason):
      self.giveUp(reason, after: machine.settled)
      return nil
    case .retry(let next):
      self.emit(.retrying(attempt: machine.settled, delay: .nanoseconds(machine.delay)))
      return RetryPause(end: next, withdrawal: withdrawal)
    }
  }

  /// Sleeps, and says whether the next attempt starts. If it does not, the budget has its retry back.
  @usableFromInline
  func wakeUp(from pause: RetryPause, after sequence: RetryMachine?, before deadline: Int64) async
    -> RetryPause.WakeUp
  {
    do {
      if pause.end > self.clock.nanoseconds {
        try await self.clock.sleep(until: PolicyClock.Instant(nanoseconds: pause.end))
      }
      try Task.checkCancellation()
    } catch {
      if let withdrawal = pause.withdrawal { self.budget?.refund(withdrawal) }
      self.counts.cancelled.wrappingAdd(1, ordering: .relaxed)
      return .cancelled
    }
    // Whoever sleeps may be woken late.
    guard deadline == .max || self.clock.nanoseconds < deadline else {
      if let withdrawal = pause.withdrawal { self.budget?.refund(withdrawal) }
      self.giveUp(.deadline, after: sequence?.settled ?? 0)
      return .late
    }
    self.counts.retries.wrappingAdd(1, ordering: .relaxed)
    return .inTime
  }

  private func giveUp(_ reason: Rejection.Reason, after attempt: Int) {
    self.counts.gaveUp(reason)
    self.emit(.gaveUp(attempt: attempt, reason))
  }

  private func emit(_ occurrence: PolicyEvent.Occurrence) {
    self.events.emit(
      PolicyEvent(kind: .retry, policy: self.name, instant: self.clock.now, occurrence: occurrence)
    )
  }
}
