import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import Testing

/// Five hundred calls at one instant through everything, in numbers that follow from the policy.
struct BurstScenarioTests {
  private static let calls = 500
  private static let burst = 50
  private static let places = 20
  private static let queue = 10

  @Test func ofFiveHundredCallsAtOneInstantPlacesAndQueueAreAnsweredAndTheRestGiveTheirTokensBack()
    async throws
  {
    let echo = try ProtectedEcho(
      Calls(ProtectedEcho.call.descriptor).circuitBreaker(failureThreshold: 0.3, minimumCalls: 10)
        .rateLimit(50, burst: Self.burst, at: .server)
        .bulkhead(Self.places, queue: Self.queue, at: .server).retry(attempts: 3)
    )
    let gate = Gate()
    echo.service.behave { _ in _ = await gate.pass() }
    // A bulkhead cannot tell when a place comes free, so nobody is asked to come back and no call is made again. Who is
    // refused gives its token back: the limiter, with more tokens than there is room, refuses nobody.
    let accepted = Self.places + Self.queue
    let refused = Self.calls - accepted
    try await echo.run { client, _ in
      async let codes = client.codes(Self.calls)
      while echo.stats.bulkheads["app.Echo/Call"]?.refused.full != refused
        || echo.service.seen.running < Self.places
      {
        await Task.yield()
      }
      #expect(echo.stats.bulkheads["app.Echo/Call"]?.inUse == Self.places)
      #expect(echo.stats.bulkheads["app.Echo/Call"]?.waiting == Self.queue)
      #expect(echo.stats.rateLimiters["app.Echo/Call"]?.remaining == Self.burst - accepted)
      #expect(echo.service.seen.started == Self.places)
      gate.open()
      #expect(await codes == [.ok: accepted, .resourceExhausted: refused])
    }
    #expect(echo.service.seen.started == accepted)
    #expect(echo.service.seen.decoded == accepted)
    #expect(echo.service.seen.mostRunning == Self.places)
    #expect(echo.stats.rateLimiters["app.Echo/Call"]?.refused == 0)
    #expect(echo.stats.rateLimiters["app.Echo/Call"]?.admitted == accepted)
    #expect(echo.stats.bulkheads["app.Echo/Call"]?.admitted == accepted)
    #expect(echo.stats.circuitBreakers.values.allSatisfy { $0.state == .closed })
  }
}
