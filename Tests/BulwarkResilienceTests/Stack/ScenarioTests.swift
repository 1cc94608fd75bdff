import BulwarkCore
import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

/// How many run at one time, and ran in all.
private final class Gauge: Sendable {
  private let state = Mutex((now: 0, most: 0, total: 0))
  var now: Int { self.state.withLock { $0.now } }
  var most: Int { self.state.withLock { $0.most } }
  var total: Int { self.state.withLock { $0.total } }
  func enter() { self.state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1), $0.total + 1) } }
  func leave() { self.state.withLock { $0.now -= 1 } }
}

/// The scenarios that the library's users know from its predecessor, each with its exact numbers.
@Suite struct ScenarioTests {
  @Test func `A cascade at eighty percent failures is cut after ten calls`() async throws {
    let bench = try StackBench()
    var ran = 0
    for number in 0..<1000 {
      let fails = number % 5 != 0
      _ = try? await bench.stack.run { () async throws(Refused) in
        ran += 1
        if fails { throw Refused() }
      }
    }
    #expect(ran == 10)
    #expect(bench.breaker.state == .open)
    #expect(bench.breaker.stats.totals.rejections == 990)
  }

  @Test func `The third attempt succeeds after three hundred milliseconds`() async throws {
    let bench = try StackBench(retry: RetryOptions(backoff: Backoff(jitter: .none)))
    let start = bench.clock.now
    let call = Task {
      var attempts = 0
      return try await bench.stack.run { () async throws(Refused) -> Int in
        attempts += 1
        if attempts < 3 { throw Refused() }
        return attempts
      }
    }
    for delay in [100, 200] {
      await bench.clock.waitForSleepers()
      #expect(bench.clock.nextWakeUp == bench.clock.now.advanced(by: .milliseconds(delay)))
      bench.clock.advance(by: .milliseconds(delay))
    }
    #expect(try await call.value == 3)
    #expect(bench.clock.now == start.advanced(by: .milliseconds(300)))
  }

  @Test func `Of a hundred requests at a limiter of ten, ten pass`() async throws {
    let bench = try StackBench(limiter: RateLimiterOptions(rate: 1, burst: 10))
    var passed = 0
    for _ in 0..<100 where await bench.refusal() == nil { passed += 1 }
    #expect(passed == 10)
    bench.clock.advance(by: .seconds(3))
    passed = 0
    for _ in 0..<100 where await bench.refusal() == nil { passed += 1 }
    #expect(passed == 3)
  }

  @Test func `Of twenty tasks at a bulkhead of five, five run at a time and all in the end`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 5, queueLimit: 15))
    let running = Gauge()
    let (gates, gate) = AsyncStream.makeStream(of: Void.self)
    let finished = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<20 {
        group.addTask {
          let answer = try? await bench.stack.run {
            running.enter()
            for await _ in gates { break }
            running.leave()
            return true
          }
          return answer ?? false
        }
      }
      while bench.bulkhead.stats.waiting < 15 { await Task.yield() }
      #expect(running.now == 5)
      gate.finish()
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(finished == 20)
    #expect(running.most == 5)
    #expect(bench.bulkhead.stats.inUse == 0)
  }

  @Test func `A manager tells of all of them`() async throws {
    let manager = ResilienceManager(clock: VirtualClock().policyClock)
    let stack = ResilienceStack(
      retry: try manager.retry("submit", RetryOptions(maximumAttempts: 3, backoff: .constant(.zero))),
      circuitBreaker: try manager.circuitBreaker("peers"),
      rateLimiter: try manager.rateLimiter("votes", RateLimiterOptions(rate: 1, burst: 10)),
      bulkhead: try manager.bulkhead("verify", BulkheadOptions(maximumConcurrent: 2))
    )
    _ = try? await stack.run { () async throws(Refused) in throw Refused() }
    let stats = manager.stats
    #expect(stats.retries["submit"]?.retries == 2)
    #expect(stats.circuitBreakers["peers"]?.window.failures == 3)
    #expect(stats.rateLimiters["votes"]?.remaining == 7)
    #expect(stats.bulkheads["verify"]?.admitted == 3)
  }

  @Test func `Five hundred at once through everything: each call has one end, and nothing is kept`()
    async throws
  {
    let bench = try StackBench(
      limiter: RateLimiterOptions(rate: 50, burst: 200),
      bulkhead: BulkheadOptions(maximumConcurrent: 20, queueLimit: 10),
      retry: RetryOptions(maximumAttempts: 3, backoff: .constant(.zero))
    )
    let ends = await withTaskGroup(of: String.self) { group in
      for number in 0..<500 {
        group.addTask { await self.end(ofCall: number, in: bench) }
      }
      return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
    #expect(ends.values.reduce(0, +) == 500)
    #expect(ends["impossible"] == nil)
    let stats = bench.breaker.stats
    // Each attempt that ran spent one token and is one outcome; whoever was refused spent none.
    #expect(stats.totals.successes + stats.totals.failures == UInt64(200 - bench.limiter.remaining))
    #expect(bench.bulkhead.stats.inUse == 0 && bench.bulkhead.stats.waiting == 0)
  }

  private func end(ofCall number: Int, in bench: StackBench) async -> String {
    do {
      try await bench.stack.run { () async throws(Refused) in
        await Task.yield()
        if number % 10 == 0 { throw Refused() }
      }
      return "succeeded"
    } catch {
      return error.end
    }
  }
}

extension PolicyError {
  fileprivate var end: String {
    switch self {
    case .operation: "failed"
    case .rejected(let rejection): rejection.kind.rawValue
    case .timedOut, .cancelled: "impossible"
    }
  }
}

/// Many callers at random, cancelled at random, on a clock that jumps from one wake-up to the next.
@Suite struct StackModelTests {
  private static let regressionSeeds: [UInt64] = []

  @Test func `Whatever happens, nothing is kept and every attempt is accounted for`() async throws {
    for seed in Self.regressionSeeds + Array(0..<150) {
      try await self.run(seed)
    }
  }

  private func run(_ seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let burst = Int.random(in: 1...40, using: &generator)
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(minimumCalls: Int.random(in: 2...20, using: &generator)),
      limiter: RateLimiterOptions(
        rate: 10,
        burst: burst,
        queueLimit: Int.random(in: 0...5, using: &generator),
        maximumWait: .seconds(3)
      ),
      bulkhead: BulkheadOptions(
        maximumConcurrent: Int.random(in: 1...5, using: &generator),
        queueLimit: Int.random(in: 0...5, using: &generator)
      ),
      retry: RetryOptions(maximumAttempts: Int.random(in: 1...4, using: &generator))
    )
    let start = bench.clock.now
    let attempts = Gauge()
    let failureShare = Int.random(in: 0...9, using: &generator)
    let clock = bench.clock.policyClock
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<40 {
        let fails = Int.random(in: 0..<10, using: &generator) < failureShare
        let length = Duration.milliseconds(Int.random(in: 0...300, using: &generator))
        let isCancelled = generator.oneIn(5)
        group.addTask {
          let call = Task {
            try? await bench.stack.run { () async throws(Refused) in
              attempts.enter()
              if length > .zero { try? await clock.sleep(until: clock.now.advanced(by: length)) }
              if fails { throw Refused() }
            }
          }
          if isCancelled {
            await Task.yield()
            call.cancel()
          }
          await call.value
        }
        if generator.oneIn(3) {
          bench.clock.advance(by: .milliseconds(Int.random(in: 1...50, using: &generator)))
        }
        await Task.yield()
      }
      // Time passes for as long as anybody sleeps.
      let timekeeper = Task {
        while !Task.isCancelled {
          if let next = bench.clock.nextWakeUp { bench.clock.advance(to: next) }
          await Task.yield()
        }
      }
      await group.waitForAll()
      timekeeper.cancel()
    }
    let ran = UInt64(attempts.total)
    let totals = bench.breaker.stats.totals
    let counted = totals.successes + totals.failures + totals.neutral + totals.stale
    #expect(counted >= ran && totals.successes + totals.failures <= ran, "seed \(seed)")
    #expect(bench.bulkhead.stats.inUse == 0 && bench.bulkhead.stats.waiting == 0, "seed \(seed)")
    #expect(bench.limiter.stats.waiting == 0, "seed \(seed)")
    let seconds = start.duration(to: bench.clock.now) / .seconds(1)
    #expect(Double(ran) <= Double(burst) + 10 * seconds + 1, "seed \(seed)")
    #expect(bench.clock.sleeperCount == 0, "seed \(seed)")
  }
}
