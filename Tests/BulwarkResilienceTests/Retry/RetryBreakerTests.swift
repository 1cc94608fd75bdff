import BulwarkResilience
import Testing

/// resilience4j #1065, #1318 and #558: a retry that knows nothing of its breaker sleeps and asks in vain.
@Suite struct RetryBreakerTests {
  private let clock = SkippingClock()

  private func breaker(breakDuration: Duration) throws -> CircuitBreaker {
    let options = CircuitBreakerOptions(consecutiveFailures: 2, breakDuration: .constant(breakDuration))
    return try CircuitBreaker(name: "peer", options: options, clock: self.clock.policyClock)
  }

  private func attempts(under breaker: CircuitBreaker) async throws -> (retry: RetryStats, calls: Int) {
    let retry = try Retry(
      name: "peer",
      options: RetryOptions(backoff: .constant(.milliseconds(100))),
      clock: self.clock.policyClock
    )
    var calls = 0
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await retry.run(
        circuit: { _ in breaker.stats.retryAfterNanoseconds.map { .nanoseconds($0) } },
        classify: { .standard(for: $0) },
        operation: { (_) async throws(PolicyError<Broken>) in
          try await breaker.run { () throws(Broken) in
            calls += 1
            throw Broken()
          }
        }
      )
    }
    return (retry.stats, calls)
  }

  @Test func `The attempt that opens the circuit is the last one, and there is no sleep after it`()
    async throws
  {
    let breaker = try self.breaker(breakDuration: .seconds(60))
    let (stats, calls) = try await self.attempts(under: breaker)
    #expect(breaker.state == .open)
    #expect(calls == 2 && stats.gaveUpCircuitOpen == 1)
    #expect(self.clock.sleeps == [.milliseconds(100)])
  }

  @Test func `A circuit that is over its break by then gets its probe`() async throws {
    let breaker = try self.breaker(breakDuration: .milliseconds(50))
    let (stats, calls) = try await self.attempts(under: breaker)
    #expect(calls == 4 && stats.gaveUpCircuitOpen == 0 && stats.exhausted == 1)
  }
}
