import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// What no wait would help is refused on the spot, without the way that those take who wait.
@Suite struct StackRefusalTests {
  private let cost = StackCost(tokens: 1, weight: 1)

  /// The refusal that an attempt meets with at once.
  private func refusal(_ bench: StackBench, deadline: Int64? = nil) -> Rejection? {
    let entry = bench.stack.enter(at: bench.clock.policyClock.nanoseconds, self.cost, deadline: deadline)
    guard case .rejected(let rejection) = entry else { return nil }
    return rejection
  }

  @Test func `A full bulkhead without a queue refuses at once, and the token comes back`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0))
    let permit = try bench.bulkhead.permit()
    // The first one finds that none is free, under the lock.
    #expect(!bench.bulkhead.gives())
    var events = bench.bulkhead.events.stream().makeAsyncIterator()
    #expect(self.refusal(bench) == Rejection(kind: .bulkhead, policy: "bulkhead", reason: .bulkheadFull))
    #expect(await events.next()?.occurrence == .rejected(.bulkheadFull, retryAfter: nil))
    #expect(bench.bulkhead.stats.refused.full == 2)
    #expect(bench.limiter.remaining == 1000 && bench.limiter.stats.admitted == 0)
    #expect(bench.breaker.stats.totals.neutral == 0)
    permit.release()
    #expect(bench.bulkhead.stats.inUse == 0)
  }

  @Test func `An empty limiter without a queue refuses at once, and says when to come back`() async throws {
    let bench = try StackBench(limiter: RateLimiterOptions(rate: 1, burst: 1))
    bench.limiter.drain()
    var events = bench.limiter.events.stream().makeAsyncIterator()
    let rejection = Rejection(
      kind: .rateLimiter,
      policy: "limiter",
      reason: .rateLimited,
      retryAfter: .seconds(1)
    )
    #expect(self.refusal(bench) == rejection)
    #expect(await events.next()?.occurrence == .rejected(.rateLimited, retryAfter: .seconds(1)))
    #expect(bench.limiter.stats.refused == 1)
    #expect(bench.bulkhead.stats.admitted == 0)
  }

  @Test func `A wait for a token that would end after the deadline is refused at once`() throws {
    let bench = try StackBench(
      limiter: RateLimiterOptions(rate: 1, burst: 1, queueLimit: 10, maximumWait: .seconds(10))
    )
    bench.limiter.drain()
    let now = bench.clock.policyClock.nanoseconds
    #expect(self.refusal(bench, deadline: now + 500_000_000)?.reason == .deadline)
    #expect(self.refusal(bench, deadline: now + 2_000_000_000) == nil)
    #expect(bench.limiter.stats.refused == 1)
  }

  @Test func `A half-open circuit has its probe back from who is refused at once`() async throws {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(successThreshold: 1),
      bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0)
    )
    await bench.makeHalfOpen()
    let permit = try bench.bulkhead.permit()
    for _ in 0..<3 { #expect(await bench.refusal()?.reason == .bulkheadFull) }
    permit.release()
    #expect(await bench.refusal() == nil)
    #expect(bench.breaker.state == .closed)
  }
}
