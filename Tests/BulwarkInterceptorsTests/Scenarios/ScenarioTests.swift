import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import NIOCore
import Synchronization
import Testing

/// Whole stacks: a client with policies, a connection, a server with policies, and a service that misbehaves.
struct PolicyScenarioTests {
  private static let down = RPCError(code: .unavailable, message: "down")

  @Test func aCascadeOpensTheCircuitSparesTheServerAndHealsByOneProbe() async throws {
    let echo = try ProtectedEcho(
      Calls.all.circuitBreaker(
        failureThreshold: 0.3,
        minimumCalls: 10,
        breakDuration: .seconds(30),
        at: .client
      )
      .with { $0.circuitBreaker?.successThreshold = 1 }
    )
    // Four of five fail.
    echo.service.behave { number in if number % 5 != 0 { throw Self.down } }
    try await echo.run { client, _ in
      var codes: [StatusCode] = []
      for _ in 0..<100 { codes.append(await client.code()) }
      #expect(echo.service.seen.started == 10)
      #expect(codes.count { $0 == .ok } == 2)
      echo.service.behave { _ in }
      echo.clock.advance(by: .milliseconds(29_999))
      #expect(await client.code() == .unavailable)
      #expect(echo.service.seen.started == 10)
      echo.clock.advance(by: .milliseconds(1))
      #expect(await client.code() == .ok)
      #expect(await client.codes(50) == [.ok: 50])
    }
  }

  @Test func aCallSucceedsAtItsThirdAttempt() async throws {
    let echo = try ProtectedEcho(Calls.all.retry(attempts: 3))
    echo.service.behave { number in if number < 3 { throw Self.down } }
    try await echo.run { client, _ in
      #expect(await echo.clock.skipping { await client.code() } == .ok)
    }
    #expect(echo.service.seen.previousAttempts == [nil, "1", "2"])
  }

  @Test func ofAHundredRequestsALimiterOfTenLetsTenThrough() async throws {
    let echo = try ProtectedEcho(Calls.all.rateLimit(1, burst: 10, at: .server))
    try await echo.run { client, _ in
      #expect(await client.codes(100) == [.ok: 10, .resourceExhausted: 90])
      #expect(echo.service.seen.started == 10)
      #expect(echo.service.seen.decoded == 10)
      let refused = await #expect(throws: RPCError.self) {
        try await client.unary(ProtectedEcho.call, ByteBuffer(string: "m"))
      }
      #expect(refused?.origin == .remote)
      #expect(refused?.metadata["grpc-retry-pushback-ms"] == "1000")
    }
  }

  @Test func ofTwentyTasksFiveRunAtATimeAndAllEnd() async throws {
    let echo = try ProtectedEcho(Calls.all.bulkhead(5, queue: 20, at: .server))
    let gate = Gate()
    echo.service.behave { _ in _ = await gate.pass() }
    try await echo.run { client, _ in
      async let codes = client.codes(20)
      // A call has its place when its headers are there, and its handler a moment later.
      while echo.stats.bulkheads["app.Echo/Call"]?.waiting != 15 || echo.service.seen.running < 5 {
        await Task.yield()
      }
      #expect(echo.service.seen.running == 5)
      gate.open()
      #expect(await codes == [.ok: 20])
    }
    #expect(echo.service.seen.mostRunning == 5)
    #expect(echo.stats.bulkheads["app.Echo/Call"]?.inUse == 0)
  }

  @Test func theManagerKnowsThePoliciesOfBothSides() async throws {
    let echo = try ProtectedEcho(
      Calls(ProtectedEcho.call.descriptor).circuitBreaker(as: "peers").rateLimit(1e6, burst: 1000).bulkhead(
        10
      ).retry(attempts: 3)
    )
    try await echo.run { client, target in
      #expect(await client.code() == .ok)
      let stats = echo.stats
      #expect(stats.circuitBreakers.keys.sorted() == ["peers", "peers@\(target)"])
      #expect(stats.rateLimiters.keys.sorted() == ["app.Echo/Call", "app.Echo/Call@\(target)"])
      #expect(stats.bulkheads.mapValues(\.admitted) == ["app.Echo/Call": 1, "app.Echo/Call@\(target)": 1])
      #expect(stats.retries.keys.sorted() == ["app.Echo/Call@\(target)"])
      #expect(stats.json.contains("\"peers@\(target)\""))
      #expect(echo.policies.manager.readiness().isReady)
    }
  }

  @Test func ofFiveHundredCallsThroughEverythingEachEndsOnceAndNothingIsHeld() async throws {
    let echo = try ProtectedEcho(
      Calls.all.circuitBreaker(failureThreshold: 0.3, minimumCalls: 10)
        .rateLimit(50, burst: 50, at: .server).bulkhead(20, queue: 10, at: .server)
        .retry(attempts: 3)
    )
    echo.service.behave { _ in await Task.yield() }
    let start = echo.clock.now
    try await echo.run { client, _ in
      let codes = await echo.clock.skipping { await client.codes(500) }
      #expect(codes.values.reduce(0, +) == 500)
      // Nothing that began failed, and what the bulkhead turned away gave its token back: the three counts are one.
      let answered = try #require(codes[.ok])
      #expect(echo.service.seen.started == answered)
      #expect(echo.stats.rateLimiters["app.Echo/Call"]?.admitted == answered)
      #expect(echo.stats.bulkheads["app.Echo/Call"]?.admitted == answered)
      // The burst, and what came in since; a token that comes in at the very end is one more.
      let elapsed = start.duration(to: echo.clock.now) / Duration.seconds(1)
      #expect(answered >= 20 && Double(answered) <= 50 + 50 * elapsed + 1)
      #expect(codes.keys.allSatisfy { [.ok, .resourceExhausted, .unavailable].contains($0) })
    }
    #expect(echo.service.seen.mostRunning <= 20)
    #expect(echo.service.seen.running == 0)
    for (_, bulkhead) in echo.stats.bulkheads { #expect(bulkhead.inUse == 0 && bulkhead.waiting == 0) }
    for (_, breaker) in echo.stats.circuitBreakers { #expect((breaker.probes?.underWay ?? 0) == 0) }
  }

  @Test func aRejectedCallIsNeitherDecodedNorStarted() async throws {
    let echo = try ProtectedEcho(Calls.all.rateLimit(0.001, burst: 1, at: .server))
    try await echo.run { client, _ in
      _ = await client.code()
      #expect(await client.codes(200) == [.resourceExhausted: 200])
    }
    #expect(echo.service.seen.started == 1)
    #expect(echo.service.seen.decoded == 1)
  }

  @Test func aStormOfRetriesStaysWithinItsBudgetAndTheClientIsBackWithinOneBreak() async throws {
    let seconds = 10
    let perSecond = 50
    let echo = try ProtectedEcho(
      Calls.all.retry(attempts: 3, initialBackoff: .milliseconds(1)).retryBudget(
        ratio: 0.2,
        minimumPerSecond: 10
      )
    )
    echo.service.behave { _ in throw Self.down }
    try await echo.run { client, _ in
      for _ in 0..<seconds {
        for _ in 0..<perSecond {
          _ = await echo.clock.skipping { await client.code() }
        }
        echo.clock.advance(by: .seconds(1))
      }
      let calls = seconds * perSecond
      let extra = echo.service.seen.started - calls
      // All that a window of ten seconds earns, for each window that the storm can touch: requests x ratio, and the
      // minimum of each second.
      let perWindow = Int(Double(calls) * 0.2) + 10 * 10
      #expect(extra > 0)
      #expect(extra <= 2 * perWindow)
      echo.service.behave { _ in }
      #expect(await client.codes(50) == [.ok: 50])
    }
  }

  @Test(arguments: [11 as UInt64, 12])
  func callsThatAreCancelledAnywhereLeaveNothingBehind(seed: UInt64) async throws {
    let echo = try ProtectedEcho(
      Calls.all.circuitBreaker(minimumCalls: 100_000).bulkhead(3, queue: 6).retry(attempts: 3)
        .rateLimit(1e6, burst: 100_000)
    )
    echo.service.behave { number in
      for _ in 0..<number % 7 { await Task.yield() }
      if number % 4 == 0 { throw Self.down }
    }
    try await echo.run { client, _ in
      await echo.clock.skipping {
        await withTaskGroup(of: Void.self) { group in
          for worker in 0..<20 {
            group.addTask {
              var random = SeededGenerator(seed: seed &* 100 &+ UInt64(worker))
              for _ in 0..<250 {
                let call = Task { await client.code() }
                for _ in 0..<Int.random(in: 0...12, using: &random) { await Task.yield() }
                call.cancel()
                _ = await call.value
              }
            }
          }
        }
      }
      echo.service.behave { _ in }
      // Calls that were cancelled on their way may still arrive, more than the queue holds. A connection keeps its order,
      // so they are all behind the first call that is answered.
      for _ in 0..<1_000 where await client.code() == .ok { break }
      while echo.service.seen.running > 0 || echo.stats.bulkheads.values.contains(where: { $0.inUse > 0 }) {
        await Task.yield()
      }
      #expect(await client.codes(3) == [.ok: 3])
    }
    for (name, bulkhead) in echo.stats.bulkheads {
      #expect(bulkhead.inUse == 0 && bulkhead.waiting == 0, "\(name)")
    }
    for (name, breaker) in echo.stats.circuitBreakers { #expect(breaker.state == .closed, "\(name)") }
  }

  @Test func streamsThatAreCancelledAnywhereLeaveNothingBehind() async throws {
    let echo = try ProtectedEcho(Calls.all.circuitBreaker(minimumCalls: 100_000).bulkhead(8, queue: 8))
    try await echo.run { client, _ in
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<20 {
          group.addTask {
            var random = SeededGenerator(seed: UInt64(worker))
            for _ in 0..<100 {
              let reader = Task { try await client.countResponses() }
              for _ in 0..<Int.random(in: 0...30, using: &random) { await Task.yield() }
              reader.cancel()
              _ = await reader.result
            }
          }
        }
      }
      // A connection keeps its order: what was cancelled on its way has arrived before the first call that is answered.
      for _ in 0..<1_000 where await client.code() == .ok { break }
      while echo.service.seen.running > 0 || echo.stats.bulkheads.values.contains(where: { $0.inUse > 0 }) {
        await Task.yield()
      }
      let count = try await client.countResponses()
      #expect(count == ProtectedEcho.responses)
    }
    for (name, bulkhead) in echo.stats.bulkheads {
      #expect(bulkhead.inUse == 0 && bulkhead.waiting == 0, "\(name)")
    }
    for (name, breaker) in echo.stats.circuitBreakers { #expect(breaker.state == .closed, "\(name)") }
  }

  @Test func aThousandReloadsUnderLoadLoseNoCallAndNoState() async throws {
    let burst = 10_000_000
    let echo = try ProtectedEcho(
      Calls.all.bulkhead(1000, at: .server).rateLimit(1, burst: burst, as: "spent", at: .server)
        .circuitBreaker(minimumCalls: 2, breakDuration: .seconds(3600), at: .server)
    )
    let other = PolicySet(source: "a.yaml") { Calls.all.bulkhead(900, at: .server).waitForReady() }
    let reloads = Reloads()
    try await echo.run { client, _ in
      for _ in 0..<2 { #expect(await client.code(ProtectedEcho.broken) == .internalError) }
      #expect(await client.code(ProtectedEcho.broken) == .unavailable)
      async let codes = withTaskGroup(of: [StatusCode: Int].self) { group in
        for _ in 0..<4 {
          group.addTask {
            var codes: [StatusCode: Int] = [:]
            while !reloads.areDone.load(ordering: .acquiring) {
              codes[await client.code(), default: 0] += 1
            }
            return codes
          }
        }
        return await group.reduce(into: [StatusCode: Int]()) { $0.merge($1, uniquingKeysWith: +) }
      }
      for round in 0..<1000 {
        try echo.policies.replaceConfiguration(by: round.isMultiple(of: 2) ? [other] : [])
        // At least one call lies between two reloads, and meets the circuit that opened before all of them.
        #expect(await client.code(ProtectedEcho.broken) == .unavailable)
      }
      reloads.areDone.store(true, ordering: .releasing)
      let ended = await codes
      let answered = try #require(ended[.ok])
      #expect(ended.count == 1, "\(ended)")
      #expect(echo.service.seen.started == answered + 2)
      // What was spent before and between all the reloads stays spent: by the answered calls, and the two that failed. Who
      // meets an open circuit spends nothing.
      #expect(echo.stats.rateLimiters["spent"]?.admitted == answered + 2)
      #expect(echo.stats.rateLimiters["spent"]?.remaining == burst - answered - 2)
      #expect(echo.stats.bulkheads["app.Echo/Call"]?.admitted == answered)
    }
    #expect(echo.stats.bulkheads.keys.sorted() == ["app.Echo/Broken", "app.Echo/Call", "app.Echo/Watch"])
    #expect(echo.stats.bulkheads.values.allSatisfy { $0.inUse == 0 })
  }
}

/// What callers look at to know when to stop.
private final class Reloads: Sendable {
  let areDone = Atomic(false)
}
