import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import Testing

/// Calls of a client that are cancelled wherever they are, in memory.
struct CancellationTests {
  private static let workers = 20
  private static let callsPerWorker = 500

  @Test(arguments: [1 as UInt64, 2, 3])
  func tenThousandCallsThatAreCancelledWhereverTheyWaitLeaveNothing(seed: UInt64) async throws {
    let clock = VirtualClock()
    let policies = try Sample.policies(clock) {
      Calls(Sample.call).circuitBreaker(minimumCalls: 1_000_000).bulkhead(3, queue: 6, at: .client)
        .retry(attempts: 3, initialBackoff: .milliseconds(20))
        .rateLimit(100, burst: 8, at: .client).with { $0.rateLimit?.queueLimit = 8 }
    }
    let server = ScriptedInvoker(
      clock,
      [.ok, .fails(.unavailable), .after(.milliseconds(7)), .fails(.unavailable), .after(.milliseconds(1))]
    )
    let client = ClientDriver(policies, server, clock)
    // The last answer of a script is given for ever: this one fails now and then, and takes its time otherwise.
    let ends = await clock.skipping(to: .seconds(1_000_000)) {
      await withTaskGroup(of: [StatusCode: Int].self) { group in
        for worker in 0..<Self.workers {
          group.addTask {
            var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(worker))
            var ends: [StatusCode: Int] = [:]
            for _ in 0..<Self.callsPerWorker {
              if Int.random(in: 0..<8, using: &random) == 0 {
                server.script(.fails(.unavailable), .fails(.unavailable), .after(.milliseconds(3)))
              }
              let call = Task { await client.code() }
              for _ in 0..<Int.random(in: 0...40, using: &random) { await Task.yield() }
              call.cancel()
              ends[await call.value, default: 0] += 1
            }
            return ends
          }
        }
        return await group.reduce(into: [StatusCode: Int]()) { $0.merge($1, uniquingKeysWith: +) }
      }
    }
    #expect(ends.values.reduce(0, +) == Self.workers * Self.callsPerWorker)
    #expect(ends[.cancelled, default: 0] > 1_000 && ends[.ok, default: 0] > 100, "\(ends)")
    let stats = policies.manager.stats
    let bulkhead = try #require(stats.bulkheads.values.first)
    #expect(bulkhead.inUse == 0 && bulkhead.waiting == 0)
    let limiter = try #require(stats.rateLimiters.values.first)
    #expect(limiter.waiting == 0)
    #expect(limiter.admitted == server.asked.count)
    #expect(server.running == 0)
    let breaker = try #require(stats.circuitBreakers.values.first)
    #expect(breaker.state == .closed && breaker.probes == nil)
    // Everything that a call takes is there for the next ones.
    clock.advance(by: .seconds(10))
    server.script(.ok)
    for _ in 0..<8 { #expect(await client.code() == .ok) }
  }

  @Test func aCancelledProbeGivesItsPlaceBack() async throws {
    let clock = VirtualClock()
    let policies = try Sample.policies(clock) {
      Calls(Sample.call).circuitBreaker(minimumCalls: 1, breakDuration: .seconds(1), at: .client)
        .with { $0.circuitBreaker?.successThreshold = 1 }
    }
    let server = ScriptedInvoker(clock, .fails(.internalError))
    let client = ClientDriver(policies, server, clock)
    _ = await client.code()
    for _ in 0..<1_000 {
      clock.advance(by: .seconds(1))
      let gate = Gate()
      server.script(.held(gate))
      let probe = Task { await client.code() }
      while server.running == 0 { await Task.yield() }
      #expect(policies.manager.stats.circuitBreakers.values.first?.probes?.underWay == 1)
      probe.cancel()
      #expect(await probe.value == .cancelled)
      #expect(policies.manager.stats.circuitBreakers.values.first?.probes?.underWay == 0)
    }
    server.script(.ok)
    #expect(await client.code() == .ok)
  }
}
