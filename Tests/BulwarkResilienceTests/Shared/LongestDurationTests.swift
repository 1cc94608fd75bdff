import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// A `Duration` reaches 170 billion billion seconds, more than 64 bits can say even in seconds.
@Suite struct LongestDurationTests {
  private static let longest = Duration(attoseconds: .max)
  private static let shortest = Duration(attoseconds: .min)

  @Test func `The longest durations are held at the ends of 64 bits`() {
    for duration in [Self.longest, .seconds(1e19), .nanoseconds(Int64.max), .seconds(Int64.max)] {
      #expect(duration.wholeNanoseconds == .max, "\(duration)")
    }
    for duration in [Self.shortest, .seconds(-1e19), .nanoseconds(Int64.min), .seconds(Int64.min)] {
      #expect(duration.wholeNanoseconds == .min, "\(duration)")
    }
    for nanoseconds in [.min + 1, -1, 0, 1, .max - 1] as [Int64] {
      #expect(Duration.nanoseconds(nanoseconds).wholeNanoseconds == nanoseconds)
    }
  }

  @Test func `No instant is too far away`() {
    let now = PolicyClock.Instant(nanoseconds: 7)
    #expect(now.advanced(by: Self.longest).nanoseconds == .max)
    #expect(now.advanced(by: Self.shortest).nanoseconds == .min + 7)
  }

  @Test func `A rejection may say to come back never`() {
    let rejection = Rejection(
      kind: .rateLimiter,
      policy: "votes",
      reason: .rateLimited,
      retryAfter: Self.longest
    )
    #expect(rejection.retryAfter == .nanoseconds(Int64.max))
  }

  @Test func `A caller may be ready to wait for ever`() async throws {
    let clock = VirtualClock()
    let limiter = try RateLimiter(name: "votes", clock: clock.policyClock)
    try await limiter.acquire(maximumWait: Self.longest)
  }

  @Test func `No option takes it`() {
    var options = CircuitBreakerOptions()
    options.probeLease = Self.longest
    #expect(throws: InvalidOption.self) { try options.validate() }
    options.probeLease = Self.shortest
    #expect(throws: InvalidOption.self) { try options.validate() }
  }
}
