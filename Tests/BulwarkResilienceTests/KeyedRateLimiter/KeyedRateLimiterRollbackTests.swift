import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct KeyedRateLimiterRollbackTests {
  @Test func `A request that is rolled back is neither counted nor charged`() throws {
    let clock = VirtualClock()
    let limiter = try KeyedRateLimiter<Int>(
      name: "peers",
      options: KeyedRateLimiterOptions(rate: 1, burst: 2),
      clock: clock.policyClock
    )
    let now = clock.policyClock.nanoseconds
    #expect(limiter.take(2, for: 1, at: now) == nil)
    limiter.refund(2, for: 1, taken: now, at: now)
    #expect(limiter.remaining(for: 1) == 2)
    #expect(limiter.stats.admitted == 0)
  }
}
