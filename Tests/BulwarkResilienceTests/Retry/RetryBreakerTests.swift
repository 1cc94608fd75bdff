import BulwarkResilience
import BulwarkTestKit
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

  private func refusal(_ reason: Rejection.Reason, _ retryAfter: Duration?) -> Rejection {
    Rejection(kind: .circuitBreaker, policy: "peer", reason: reason, retryAfter: retryAfter)
  }

  /// Taken as a pushback, the rest of the break had all callers come back in the nanosecond in which it ended.
  @Test func `Callers whom a circuit refused come back apart, each after its own backoff`() async throws {
    var ends: Set<Int64> = []
    for seed in 0..<50 as Range<UInt64> {
      let clock = SkippingClock()
      let retry = try Retry(
        name: "peer",
        clock: clock.policyClock,
        random: RandomSource(SeededGenerator(seed: seed))
      )
      let answer = try await retry.run { (attempt) throws(PolicyError<Broken>) in
        if attempt.number == 1 { throw .rejected(self.refusal(.circuitOpen, .milliseconds(50))) }
        return attempt.number
      }
      #expect(answer == 2)
      #expect(clock.sleeps[0] >= .milliseconds(75) && clock.sleeps[0] <= .milliseconds(125))
      ends.insert(clock.now)
    }
    #expect(ends.count == 50)
  }

  @Test(arguments: [Rejection.Reason.circuitOpen, .circuitForcedOpen])
  func `A circuit that refuses for longer than the backoff waits is not waited for`(
    reason: Rejection.Reason
  ) async throws {
    let retry = try Retry(name: "peer", clock: self.clock.policyClock)
    let stream = retry.events.stream()
    let refusal = self.refusal(reason, .milliseconds(126))
    await #expect(throws: PolicyError<Broken>.rejected(refusal)) {
      try await retry.run { (_) throws(PolicyError<Broken>) in throw .rejected(refusal) }
    }
    #expect(self.clock.sleeps.isEmpty && retry.stats.gaveUpCircuitOpen == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .gaveUp(attempt: 1, .circuitOpen))
  }

  @Test func `A circuit that is over its break by then gets its probe`() async throws {
    let breaker = try self.breaker(breakDuration: .milliseconds(50))
    let (stats, calls) = try await self.attempts(under: breaker)
    #expect(calls == 4 && stats.gaveUpCircuitOpen == 0 && stats.exhausted == 1)
  }
}
