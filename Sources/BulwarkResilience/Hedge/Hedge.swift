import Synchronization

/// Starts a further attempt beside one that is slow, and takes the first success (gRFC A6; Dean and Barroso, "The tail
/// at scale", 2013). Only for operations that may safely be carried out more than once. Safe to use from any thread.
///
/// An attempt that fails in a way that another one may mend has the next one start at once; one that fails otherwise
/// ends all. The attempts that are no longer needed are cancelled, and waited for: none is left running behind the
/// caller's back, so one that ignores its cancellation holds the caller up. Their answers are dropped.
public final class Hedge: Sendable {
  /// The name that errors, events and stats bear.
  public let name: String
  /// What happens to the operations.
  public let events = PolicyEvents()
  /// What pays for the attempts beyond the first; `nil` if nothing bounds them.
  public let budget: RetryBudget?

  private let clock: PolicyClock
  private let delay: (@Sendable (_ attempt: Int) -> Duration)?
  private let operations = StripedCounter()
  private let hedges = Atomic(0)
  private let wonByHedge = Atomic(0)
  private let gaveUpBudgetExhausted = Atomic(0)
  private let gaveUpDeadline = Atomic(0)
  private let currentOptions: Mutex<HedgeOptions>

  /// A hedge.
  ///
  /// - Parameter delay: How long the attempt of this number is given before the next one starts, in place of the
  ///   option; for instance the 95th percentile of recent latencies. Called from any thread.
  /// - Throws: ``InvalidOption`` if an option is out of range.
  public init(
    name: String,
    options: HedgeOptions = HedgeOptions(),
    budget: RetryBudget? = nil,
    clock: PolicyClock = .system,
    delay: (@Sendable (_ attempt: Int) -> Duration)? = nil
  ) throws(InvalidOption) {
    try options.validate()
    self.name = name
    self.budget = budget
    self.clock = clock
    self.delay = delay
    self.currentOptions = Mutex(options)
  }

  /// The options now in force.
  public var options: HedgeOptions { self.currentOptions.withLock { $0 } }

  /// Replaces the options, for operations that start from now on.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range; then nothing changes.
  public func reconfigure(_ options: HedgeOptions) throws(InvalidOption) {
    try options.validate()
    self.currentOptions.withLock { $0 = options }
    self.emit(.reconfigured)
  }

  /// What has happened so far.
  public var stats: HedgeStats {
    HedgeStats(
      operations: self.operations.value,
      hedges: self.hedges.load(ordering: .relaxed),
      wonByHedge: self.wonByHedge.load(ordering: .relaxed),
      gaveUpBudgetExhausted: self.gaveUpBudgetExhausted.load(ordering: .relaxed),
      gaveUpDeadline: self.gaveUpDeadline.load(ordering: .relaxed),
      budget: self.budget?.stats
    )
  }

  /// Runs an operation, more than once if it is slow or fails.
  ///
  /// - Parameters:
  ///   - deadline: When the caller's own time ends. No further attempt starts then or later; keeping to it within an
  ///     attempt is the operation's part.
  ///   - classify: What follows from an error: `.stop` ends all attempts with it, and a pushback delays the next one,
  ///     or asks for no more of them if it is below zero. By default the refusal of a circuit does that, and of any policy
  ///     that does not say when to come back: attempts that are under way go on.
  ///   - operation: One attempt, in a task of its own.
  /// - Returns: The value of the first attempt that succeeds.
  /// - Throws: The error that ended all, or that of the attempt that failed last; `.cancelled` if the caller's task was
  ///   cancelled while no attempt was under way.
  public func run<Value: Sendable, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    classify: (PolicyError<Failure>) -> RetryDecision = { .hedging(after: $0) },
    operation: @escaping @Sendable (Attempt) async throws(PolicyError<Failure>) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    self.operations.increment()
    self.budget?.recordRequest()
    let deadline = deadline?.nanoseconds ?? .max
    let outcome = await withTaskGroup(of: HedgeEvent<Value, Failure>.self) { group in
      let outcome = await self.drive(&group, deadline: deadline, classify: classify, operation: operation)
      group.cancelAll()
      return outcome
    }
    return try outcome.get()
  }

  /// Runs an operation that throws errors of its own kind. All else is as in the other form.
  public func run<Value: Sendable, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    classify: (Failure) -> RetryDecision = { .hedging(after: $0) },
    operation: @escaping @Sendable (Attempt) async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    try await self.run(
      deadline: deadline,
      classify: { (error: PolicyError<Failure>) in
        if case .operation(let failure) = error { classify(failure) } else { .hedging(after: error) }
      },
      operation: { (attempt) async throws(PolicyError<Failure>) -> Value in
        do throws(Failure) { return try await operation(attempt) } catch { throw .operation(error) }
      }
    )
  }

  private func drive<Value, Failure>(
    _ group: inout TaskGroup<HedgeEvent<Value, Failure>>,
    deadline: Int64,
    classify: (PolicyError<Failure>) -> RetryDecision,
    operation: @escaping @Sendable (Attempt) async throws(PolicyError<Failure>) -> Value
  ) async -> Result<Value, PolicyError<Failure>> {
    var machine = HedgeMachine(options: self.options, deadline: deadline)
    var latestStart = self.clock.nanoseconds
    var failure = PolicyError<Failure>.cancelled
    group.addTask { await .attempt(Attempt(number: 1, deadline: deadline), operation) }
    var action = machine.begin(now: latestStart, delay: self.delay(after: 1))
    while true {
      if let reason = action.gaveUp { self.giveUp(reason, after: machine.started) }
      if let number = action.start {
        let now = self.clock.nanoseconds
        let attempt = Attempt(
          number: number,
          delay: max(now.saturatingSubtracting(latestStart), 0),
          deadline: deadline
        )
        latestStart = now
        self.hedges.wrappingAdd(1, ordering: .relaxed)
        self.emit(.hedged(attempt: number))
        group.addTask { await .attempt(attempt, operation) }
      }
      if let timer = action.timer {
        group.addTask { [clock] in await .timer(timer, on: clock) }
      }
      guard !action.isOver, let event = await group.next() else { return .failure(failure) }
      let now = self.clock.nanoseconds
      // The attempt that the machine may start now is the one whose delay begins now.
      let delay = self.delay(after: machine.started + 1)
      let budget = { self.budget?.withdraw() ?? true }
      switch event {
      case .succeeded(let number, let value):
        self.budget?.recordSuccess()
        if number > 1 { self.wonByHedge.wrappingAdd(1, ordering: .relaxed) }
        return .success(value)
      case .failed(let error):
        failure = error
        let decision = self.decision(on: error, classify)
        action = machine.attemptFailed(decision, now: now, delay: delay, budget: budget)
      case .timerFired(let id):
        action = machine.timerFired(id, now: now, delay: delay, budget: budget)
      case .cancelled:
        action = machine.cancelled()
        if action.isOver { failure = .cancelled }
      }
    }
  }

  private func decision<Failure>(
    on error: PolicyError<Failure>,
    _ classify: (PolicyError<Failure>) -> RetryDecision
  ) -> RetryDecision {
    // What is under way may still succeed in spite of the cancellation, but nothing more is started.
    if Task.isCancelled { return .retry(after: .seconds(-1)) }
    let decision = classify(error)
    if case .rejected = error { return decision }
    if decision != .stop { self.budget?.recordFailure() }
    return decision
  }

  /// How long the attempt started last is given; what comes after it counts from there.
  private func delay(after attempt: Int) -> Int64 {
    max((self.delay?(attempt) ?? self.options.delay).wholeNanoseconds, 0)
  }

  private func giveUp(_ reason: Rejection.Reason, after attempt: Int) {
    if reason == .budgetExhausted {
      self.gaveUpBudgetExhausted.wrappingAdd(1, ordering: .relaxed)
    } else {
      self.gaveUpDeadline.wrappingAdd(1, ordering: .relaxed)
    }
    self.emit(.gaveUp(attempt: attempt, reason))
  }

  private func emit(_ occurrence: PolicyEvent.Occurrence) {
    self.events.emit(
      PolicyEvent(kind: .hedge, policy: self.name, instant: self.clock.now, occurrence: occurrence)
    )
  }
}
