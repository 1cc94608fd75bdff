import Synchronization

/// Bounds how long an operation may take. Safe to use from any thread.
///
/// Cancellation is cooperative: at its limit the operation is cancelled, and ``run(deadline:_:)`` throws once the
/// operation has returned. An operation that ignores its cancellation is not left running behind the caller's back, so
/// it holds the caller up. Without a limit there is no timer and no child task: the operation is called, and that is all.
public final class Timeout: Sendable {
  /// The name that errors, events and stats bear.
  public let name: String
  /// What happens to the operations.
  public let events = PolicyEvents()

  let clock: PolicyClock
  private let limited = StripedCounter()
  private let timedOut = Atomic(0)
  // Nanoseconds; Int64.max for any time.
  private let limit: Atomic<Int64>

  /// A timeout.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range.
  public init(name: String, options: TimeoutOptions = TimeoutOptions(), clock: PolicyClock = .system)
    throws(InvalidOption)
  {
    try options.validate()
    self.name = name
    self.clock = clock
    self.limit = Atomic(options.limit?.wholeNanoseconds ?? .max)
  }

  /// The options now in force.
  public var options: TimeoutOptions {
    TimeoutOptions(limit: self.limitNanoseconds.map { .nanoseconds($0) })
  }

  private var limitNanoseconds: Int64? {
    let limit = self.limit.load(ordering: .relaxed)
    return limit == .max ? nil : limit
  }

  /// Replaces the options, for operations that start from now on.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range; then nothing changes.
  public func reconfigure(_ options: TimeoutOptions) throws(InvalidOption) {
    try options.validate()
    self.limit.store(options.limit?.wholeNanoseconds ?? .max, ordering: .relaxed)
    self.emit(.reconfigured, at: self.clock.nanoseconds)
  }

  /// What has happened so far.
  public var stats: TimeoutStats {
    TimeoutStats(
      limited: self.limited.value,
      timedOut: self.timedOut.load(ordering: .relaxed),
      limitNanoseconds: self.limitNanoseconds
    )
  }

  /// Runs an operation within the limit.
  ///
  /// - Parameters:
  ///   - deadline: When the caller's own time ends. The earlier of the two counts: a timeout never extends another one.
  ///     If it has passed, the operation does not run.
  ///   - operation: What to run, on the caller's actor. What it returns or throws after its time is dropped.
  /// - Throws: `.timedOut` if it was not done in time, or what the operation threw. If the caller's task is cancelled,
  ///   so is the operation, and its answer to that is the answer.
  @inlinable
  public func run<Value, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    _ operation: () async throws(PolicyError<Failure>) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let deadline = deadline?.nanoseconds ?? .max
    guard self.isLimited || deadline < .max else { return try await operation() }
    return try await self.runLimited(deadline: deadline, operation)
  }

  /// Runs an operation within the limit, as ``run(deadline:_:)-(_,()async(PolicyError<Failure>)->Value)`` does; for
  /// operations that throw errors of their own kind.
  @inlinable
  public func run<Value, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    try await self.run(deadline: deadline) { () async throws(PolicyError<Failure>) -> Value in
      do throws(Failure) { return try await operation() } catch { throw .operation(error) }
    }
  }

  @usableFromInline
  var isLimited: Bool { self.limit.load(ordering: .relaxed) < .max }

  @usableFromInline
  func runLimited<Value, Failure: Error>(
    deadline: Int64,
    _ operation: () async throws(PolicyError<Failure>) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    self.limited.increment()
    let now = self.clock.nanoseconds
    let end = min(now.saturatingAdding(self.limit.load(ordering: .relaxed)), deadline)
    if end > now, let value = try await cancelling(at: end, on: self.clock, operation) { return value }
    throw .timedOut(self.expire(after: max(end.saturatingSubtracting(now), 0)))
  }

  private func expire(after limit: Int64) -> TimedOut {
    self.timedOut.wrappingAdd(1, ordering: .relaxed)
    self.emit(.timedOut(limit: .nanoseconds(limit)), at: self.clock.nanoseconds)
    return TimedOut(policy: self.name, limit: .nanoseconds(limit))
  }

  private func emit(_ occurrence: PolicyEvent.Occurrence, at now: Int64) {
    self.events.emit(
      PolicyEvent(
        kind: .timeout,
        policy: self.name,
        instant: .init(nanoseconds: now),
        occurrence: occurrence
      )
    )
  }
}
