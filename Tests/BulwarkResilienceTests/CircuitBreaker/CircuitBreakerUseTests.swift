import BulwarkResilience
import BulwarkTestKit
import Testing

/// The breaker as a user sees it: from outside its module.
@Suite struct CircuitBreakerUseTests {
  private struct Unreachable: Error {}

  @Test func `A breaker with no more than a name does what the page says`() async throws {
    let clock = VirtualClock()
    let breaker = try CircuitBreaker(name: "validator-7", clock: clock.policyClock)
    #expect(breaker.name == "validator-7")
    #expect(breaker.options.minimumCalls == 10)
    let transitions = breaker.events.stream()

    for _ in 0..<10 {
      try? await breaker.run { () throws(Unreachable) in throw Unreachable() }
    }
    #expect(breaker.state == .open)
    clock.advance(by: .seconds(60))
    for _ in 0..<5 {
      let receipt = try await breaker.run { "received" }
      #expect(receipt == "received")
    }
    #expect(breaker.state == .closed)
    #expect(breaker.stats.totals.openings == 1)

    var iterator = transitions.makeAsyncIterator()
    #expect(await iterator.next()?.policy == "validator-7")
  }

  @MainActor @Test func `The operation runs where its caller does`() async throws {
    let breaker = try CircuitBreaker(name: "main")
    var count = 0
    try await breaker.run {
      MainActor.assertIsolated()
      count += 1
    }
    #expect(count == 1)
  }
}
