import BulwarkResilience

/// The operations that are measured.
enum Workloads {
  static func all() throws -> [Workload] {
    [
      try self.breaker(),
      try self.breakerPermit(),
      try self.openBreaker(),
      try self.limiter(),
      try self.halfEmptyLimiter(),
      try self.unbatchedLimiter(),
      try self.limiterRefusal(),
      try self.keyedLimiter(),
      try self.bulkhead(),
      try self.retry(),
      try self.retryWithBudget(),
      try self.timeout(),
      try self.stack(),
      try self.retryStack(),
      try self.fullStack(),
    ] + (try [1, 10, 100, 1000, 10_000, 100_000].map { try self.keyedLimiter(keys: $0) })
  }

  // MARK: - One policy

  /// Allow and record, around an operation that does nothing.
  private static func breaker() throws -> Workload {
    let breaker = try CircuitBreaker(name: "bench")
    return Workload("breaker", verify: { try self.requireSuccesses(breaker, $0) }) { count in
      for _ in 0..<count { try await breaker.run {} }
    }
  }

  /// The same in two steps, with a permit in between.
  private static func breakerPermit() throws -> Workload {
    let breaker = try CircuitBreaker(name: "bench")
    return Workload("breaker permit", verify: { try self.requireSuccesses(breaker, $0) }) { count in
      for _ in 0..<count { try breaker.allow().settle(as: .success) }
    }
  }

  private static func openBreaker() throws -> Workload {
    let breaker = try CircuitBreaker(
      name: "bench",
      options: CircuitBreakerOptions(breakDuration: .constant(.seconds(86_400)))
    )
    while breaker.state == .closed { try breaker.allow().settle(as: .failure) }
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = breaker.stats
      try Workload.require(
        stats.state == .open && stats.totals.rejections == UInt64(count) && stats.totals.successes == 0,
        "open breaker, \(count) calls: \(stats)"
      )
    }
    return Workload("breaker open", verify: verify) { count in
      for _ in 0..<count { try? breaker.allow().settle(as: .success) }
    }
  }

  private static func limiter() throws -> Workload {
    let limiter = try self.plentifulLimiter()
    return Workload("limiter", verify: { try self.requireAdmitted(limiter, $0) }) { count in
      for _ in 0..<count { _ = limiter.tryAcquire() }
    }
  }

  /// A bucket with less than half of its burst left, at a rate that brings hardly anything back.
  private static func halfEmptyLimiter() throws -> Workload {
    let burst = 10_000_000_000
    let taken = burst / 10 * 6
    let limiter = try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 1000, burst: burst))
    try Workload.require(limiter.tryAcquire(taken), "half-empty limiter: not full at first")
    let verify: @Sendable (Int) throws -> Void = { count in
      // Taking more than one at once counts as one admission.
      try self.requireAdmitted(limiter, count + 1)
      try Workload.require(limiter.remaining < burst / 2, "half-empty limiter: it filled up again")
    }
    return Workload("limiter half", verify: verify) { count in
      for _ in 0..<count { _ = limiter.tryAcquire() }
    }
  }

  /// So many permits at once that no thread gets them in advance: all exchange one word.
  private static func unbatchedLimiter() throws -> Workload {
    let burst = 10_000_000_000
    let limiter = try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 1000, burst: burst))
    return Workload("limiter, 16", verify: { try self.requireAdmitted(limiter, $0) }) { count in
      for _ in 0..<count { _ = limiter.tryAcquire(16) }
    }
  }

  private static func limiterRefusal() throws -> Workload {
    let limiter = try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 0.000_1, burst: 1))
    limiter.drain()
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = limiter.stats
      try Workload.require(
        stats.refused == count && stats.admitted == 0,
        "refusing limiter, \(count) calls: \(stats)"
      )
    }
    return Workload("limiter refusal", verify: verify) { count in
      for _ in 0..<count { _ = limiter.tryAcquire() }
    }
  }

  /// A thousand keys by turns, from a place that each batch chooses anew.
  private static func keyedLimiter() throws -> Workload {
    let limiter = try KeyedRateLimiter<Int>(
      name: "bench",
      options: KeyedRateLimiterOptions(rate: 1e9, burst: 1_000_000_000)
    )
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = limiter.stats
      try Workload.require(
        stats.admitted == count && stats.refused == 0 && stats.keys <= 1000,
        "keyed limiter, \(count) calls: \(stats)"
      )
    }
    return Workload("keyed limiter", verify: verify) { count in
      let first = Int.random(in: 0..<1000)
      for number in first..<first + count { _ = limiter.tryAcquire(for: number % 1000) }
    }
  }

  /// So many keys that all owe permits the whole time, far from one another by turns.
  private static func keyedLimiter(keys: Int) throws -> Workload {
    let limiter = try Components.keyedLimiter(owing: keys)
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = limiter.stats
      try Workload.require(
        stats.admitted == keys + count && stats.refused == 0 && stats.keys == keys,
        "keyed limiter with \(keys) keys, \(count) calls: \(stats)"
      )
    }
    return Workload("keyed limiter, \(keys) keys", verify: verify) { count in
      let first = Int.random(in: 0..<keys)
      // A prime that divides none of the numbers of keys: each has its turn before the first comes again.
      for number in first..<first + count { _ = limiter.tryAcquire(for: number * 15_485_863 % keys) }
    }
  }

  private static func bulkhead() throws -> Workload {
    let bulkhead = try self.roomyBulkhead()
    return Workload("bulkhead", verify: { try self.requireAdmitted(bulkhead, $0) }) { count in
      for _ in 0..<count { _ = bulkhead.tryAcquire() }
    }
  }

  private static func retry() throws -> Workload {
    let retry = try Retry(name: "bench")
    return Workload("retry", verify: { try self.requireFirstAttempts(retry, $0) }) { count in
      for _ in 0..<count { try await retry.run { (_: Attempt) in } }
    }
  }

  private static func retryWithBudget() throws -> Workload {
    let retry = try Retry(name: "bench", budget: RetryBudget())
    return Workload("retry, budget", verify: { try self.requireFirstAttempts(retry, $0) }) { count in
      for _ in 0..<count { try await retry.run { (_: Attempt) in } }
    }
  }

  /// Without a limit, as a policy that is there to be reconfigured.
  private static func timeout() throws -> Workload {
    let timeout = try Timeout(name: "bench", options: TimeoutOptions(limit: nil))
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = timeout.stats
      try Workload.require(stats.limited == 0 && stats.timedOut == 0, "no limit, \(count) calls: \(stats)")
    }
    return Workload("timeout, none", verify: verify) { count in
      for _ in 0..<count { try await timeout.run {} }
    }
  }

  // MARK: - Several

  /// Breaker, limiter and bulkhead around nothing.
  static func stack() throws -> Workload { try self.stack("stack", retry: nil) }

  private static func retryStack() throws -> Workload {
    try self.stack("stack, retry", retry: Retry(name: "bench"))
  }

  private static func stack(_ name: String, retry: Retry?) throws -> Workload {
    let breaker = try CircuitBreaker(name: "bench")
    let limiter = try self.plentifulLimiter()
    let bulkhead = try self.roomyBulkhead()
    let stack = ResilienceStack(
      retry: retry,
      circuitBreaker: breaker,
      rateLimiter: limiter,
      bulkhead: bulkhead
    )
    let verify: @Sendable (Int) throws -> Void = { count in
      try self.requireSuccesses(breaker, count)
      try self.requireAdmitted(limiter, count)
      try self.requireAdmitted(bulkhead, count)
      if let retry { try self.requireFirstAttempts(retry, count) }
    }
    return Workload(name, verify: verify) { count in
      for _ in 0..<count { try await stack.run {} }
    }
  }

  /// A breaker that admits, and a bulkhead behind it that has no place, nor a queue.
  private static func fullStack() throws -> Workload {
    final class Holder: Sendable {
      let permit: BulkheadPermit?
      init(_ permit: consuming BulkheadPermit?) { self.permit = permit }
    }
    let breaker = try CircuitBreaker(name: "bench")
    let bulkhead = try Bulkhead(name: "bench", options: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0))
    let holder = Holder(bulkhead.tryAcquire())
    let stack = ResilienceStack(circuitBreaker: breaker, bulkhead: bulkhead)
    let verify: @Sendable (Int) throws -> Void = { count in
      let stats = bulkhead.stats
      let totals = breaker.stats.totals
      try withExtendedLifetime(holder) {
        try Workload.require(
          stats.refused.full == count && stats.admitted == 1 && stats.inUse == 1 && breaker.state == .closed
            && totals.successes == 0 && totals.failures == 0 && totals.rejections == 0,
          "full bulkhead in a stack, \(count) calls: \(stats) \(totals)"
        )
      }
    }
    return Workload("stack, full", verify: verify) { count in
      for _ in 0..<count { try? await stack.run {} }
    }
  }

  // MARK: - What they are made of, and what is required of them

  // A second's worth: a caller that lost its core between its look at the clock and its turn is dated back to the look,
  // and would be refused if the others had since taken what a shorter burst holds.
  private static func plentifulLimiter() throws -> RateLimiter {
    try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 1e9, burst: 1_000_000_000))
  }

  private static func roomyBulkhead() throws -> Bulkhead {
    try Bulkhead(name: "bench", options: BulkheadOptions(maximumConcurrent: 64))
  }

  private static func requireSuccesses(_ breaker: CircuitBreaker, _ count: Int) throws {
    let stats = breaker.stats
    try Workload.require(
      stats.state == .closed && stats.totals.successes == UInt64(count) && stats.totals.rejections == 0,
      "closed breaker, \(count) calls: \(stats)"
    )
  }

  private static func requireAdmitted(_ limiter: RateLimiter, _ count: Int) throws {
    let stats = limiter.stats
    try Workload.require(stats.admitted == count && stats.refused == 0, "limiter, \(count) calls: \(stats)")
  }

  private static func requireAdmitted(_ bulkhead: Bulkhead, _ count: Int) throws {
    let stats = bulkhead.stats
    try Workload.require(
      stats.admitted == count && stats.refused.total == 0 && stats.inUse == 0,
      "bulkhead, \(count) calls: \(stats)"
    )
  }

  private static func requireFirstAttempts(_ retry: Retry, _ count: Int) throws {
    let stats = retry.stats
    try Workload.require(
      stats.operations == count && stats.retries == 0 && stats.exhausted == 0,
      "retry, \(count) calls: \(stats)"
    )
  }
}
