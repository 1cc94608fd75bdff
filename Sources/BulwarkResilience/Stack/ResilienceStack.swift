/// Several policies around one operation, in the order in which they work well together, made once and used often.
///
///     let stack = try ResilienceStack(
///       timeout: Timeout(name: "round", options: TimeoutOptions(limit: .seconds(2))),
///       retry: Retry(name: "validators"),
///       circuitBreaker: breaker, rateLimiter: limiter, bulkhead: bulkhead
///     )
///     let receipt = try await stack.run { try await validator.submit(vote) }
///
/// From the outside in: total timeout, retry, circuit breaker, rate limiter, bulkhead, attempt timeout. Retry stands
/// outside the breaker, so that each attempt is judged, and asks it before it sleeps. The breaker stands before the
/// limiter, so that an open circuit spends no tokens, and the limiter before the bulkhead, so that who waits for a
/// token holds no place. The inner three are taken together or not at all: if one refuses, the others get back what
/// they gave, and none takes the refusal for an outcome.
///
/// Safe to use from any thread. A call that waits for nothing and has no timeout takes no lock and allocates nothing.
public final class ResilienceStack: Sendable {
  /// Bounds the whole: all attempts and all waits between them.
  public let timeout: Timeout?
  /// Makes further attempts.
  public let retry: Retry?
  /// Judges each attempt.
  public let circuitBreaker: CircuitBreaker?
  /// Spends a token on each attempt.
  public let rateLimiter: RateLimiter?
  /// Bounds the attempts at one time.
  public let bulkhead: Bulkhead?
  /// Bounds each attempt, the wait for a token and a place not included.
  public let attemptTimeout: Timeout?

  /// The policies' clock.
  @usableFromInline package let clock: PolicyClock

  /// A stack of those policies that are given, which share one clock; several stacks may share a policy.
  public init(
    timeout: Timeout? = nil,
    retry: Retry? = nil,
    circuitBreaker: CircuitBreaker? = nil,
    rateLimiter: RateLimiter? = nil,
    bulkhead: Bulkhead? = nil,
    attemptTimeout: Timeout? = nil
  ) {
    self.timeout = timeout
    self.retry = retry
    self.circuitBreaker = circuitBreaker
    self.rateLimiter = rateLimiter
    self.bulkhead = bulkhead
    self.attemptTimeout = attemptTimeout
    let inner = circuitBreaker?.clock ?? rateLimiter?.clock ?? bulkhead?.clock
    self.clock = inner ?? retry?.clock ?? timeout?.clock ?? attemptTimeout?.clock ?? .system
  }

  /// Runs an operation under the policies, on the caller's actor.
  ///
  /// - Parameters:
  ///   - deadline: When the caller's own time ends: no wait goes beyond it, and no attempt starts after it.
  ///   - tokens: What an attempt spends at the limiter; less than one counts as one.
  ///   - weight: How many permits of the bulkhead an attempt takes; less than one counts as one.
  ///   - priority: The rank in the bulkhead's queue.
  ///   - classify: What an attempt's outcome says about the callee. It runs under no lock.
  ///   - decide: Whether another attempt follows an error, if there is a retry policy.
  ///   - operation: One attempt.
  /// - Throws: What the last attempt threw, and what each policy's own `run` throws.
  @inlinable
  public func run<Value, Failure: Error>(
    deadline: PolicyClock.Instant? = nil,
    tokens: Int = 1,
    weight: Int = 1,
    priority: BulkheadPriority = .normal,
    classifying classify: (Result<Value, Failure>) -> Verdict = Verdict.standard,
    retrying decide: (PolicyError<Failure>) -> RetryDecision = { .standard(for: $0) },
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let cost = StackCost(tokens: tokens, weight: weight)
    guard self.timeout != nil || self.retry != nil else {
      let end = StackDeadline(deadline?.nanoseconds, isFair: false)
      return try await self.attempt(end, cost, priority, classify, operation)
    }
    return try await self.runOuter(deadline, cost, priority, classify, decide, operation)
  }

  @inlinable
  func runOuter<Value, Failure: Error>(
    _ deadline: PolicyClock.Instant?,
    _ cost: StackCost,
    _ priority: BulkheadPriority,
    _ classify: (Result<Value, Failure>) -> Verdict,
    _ decide: (PolicyError<Failure>) -> RetryDecision,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    guard let timeout else {
      let end = StackDeadline(deadline?.nanoseconds, isFair: false)
      return try await self.runAttempts(end, cost, priority, classify, decide, operation)
    }
    // The retry policy is told when the whole ends, so that it does not begin a sleep that ends later.
    let own = timeout.options.limit.map { self.clock.now.advanced(by: $0) }
    let end = own.map { own in deadline.map { min($0, own) } ?? own } ?? deadline
    let limit = StackDeadline(end?.nanoseconds, isFair: end == own)
    return try await timeout.run(deadline: end) { () async throws(PolicyError<Failure>) -> Value in
      try await self.runAttempts(limit, cost, priority, classify, decide, operation)
    }
  }

  @inlinable
  func runAttempts<Value, Failure: Error>(
    _ deadline: StackDeadline,
    _ cost: StackCost,
    _ priority: BulkheadPriority,
    _ classify: (Result<Value, Failure>) -> Verdict,
    _ decide: (PolicyError<Failure>) -> RetryDecision,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    guard let retry else {
      return try await self.attempt(deadline, cost, priority, classify, operation)
    }
    return try await retry.run(
      deadline: deadline.nanoseconds.map { PolicyClock.Instant(nanoseconds: $0) },
      circuit: { self.circuitBreaker?.retryAfter(at: $0) },
      classify: decide
    ) { (attempt: Attempt) async throws(PolicyError<Failure>) -> Value in
      // Of the total time only the first attempt has its fair share.
      let isFair = attempt.isCutByOwnLimit || deadline.isFair && attempt.number == 1
      let end = StackDeadline(attempt.deadline?.nanoseconds, isFair: isFair)
      return try await self.attempt(end, cost, priority, classify, operation)
    }
  }

  @inlinable
  func attempt<Value, Failure: Error>(
    _ deadline: StackDeadline,
    _ cost: StackCost,
    _ priority: BulkheadPriority,
    _ classify: (Result<Value, Failure>) -> Verdict,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let now = self.clock.nanoseconds
    let entry: StackEntry
    if let immediate = self.enter(at: now, cost, deadline: deadline.nanoseconds) {
      entry = immediate
    } else {
      entry = await self.enterAfterWait(cost, priority, deadline: deadline.nanoseconds)
    }
    switch entry {
    case .admitted(let ticket):
      if let attemptTimeout {
        return try await self.runLimited(attemptTimeout, deadline, ticket, cost, classify, operation)
      }
      do throws(Failure) {
        let value = try await operation()
        self.leave(ticket, cost, classify(.success(value)))
        return value
      } catch {
        self.leave(ticket, cost, self.hasOverrun(deadline) ? .failure : classify(.failure(error)))
        throw .operation(error)
      }
    case .rejected(let rejection):
      throw .rejected(rejection)
    case .cancelled:
      throw .cancelled
    }
  }

  @inlinable
  func runLimited<Value, Failure: Error>(
    _ attemptTimeout: Timeout,
    _ deadline: StackDeadline,
    _ ticket: CircuitTicket,
    _ cost: StackCost,
    _ classify: (Result<Value, Failure>) -> Verdict,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let ownEnd = attemptTimeout.options.limit.map { self.clock.now.advanced(by: $0) }
    do throws(PolicyError<Failure>) {
      let end = deadline.nanoseconds.map { PolicyClock.Instant(nanoseconds: $0) }
      let value = try await attemptTimeout.run(deadline: end, operation)
      self.leave(ticket, cost, classify(.success(value)))
      return value
    } catch {
      switch error {
      case .operation(let failure):
        self.leave(ticket, cost, self.hasOverrun(deadline) ? .failure : classify(.failure(failure)))
      case .timedOut:
        // Cut short by the caller's deadline, it did not have the time that an attempt is meant to have.
        let isCutShort = (deadline.nanoseconds ?? .max) < (ownEnd?.nanoseconds ?? .max)
        self.leave(ticket, cost, isCutShort && !deadline.isFair ? .neutral : .failure)
      case .rejected, .cancelled:
        self.leave(ticket, cost, .neutral)
      }
      throw error
    }
  }

  /// Whether a limit that left the callee its fair time is over: then what a cancelled operation threw is a failure.
  @usableFromInline
  func hasOverrun(_ deadline: StackDeadline) -> Bool {
    guard deadline.isFair, let end = deadline.nanoseconds else { return false }
    return self.clock.nanoseconds >= end
  }
}
