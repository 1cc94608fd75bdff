import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// The promises under real parallelism, by the real clock, judged by the dates of the admissions.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterThreadTests {
  private func hammer(
    _ limiter: RateLimiter,
    tasks: Int = 4,
    calls: Int = 20_000,
    body: @escaping @Sendable (RateLimiter, inout AdmissionLog, inout SeededGenerator) -> Void
  ) async -> AdmissionLog {
    await withTaskGroup(of: AdmissionLog.self) { group in
      for task in 0..<tasks {
        group.addTask {
          var log = AdmissionLog()
          var random = SeededGenerator(seed: UInt64(task))
          for _ in 0..<calls { body(limiter, &log, &random) }
          return log
        }
      }
      return await group.reduce(into: AdmissionLog()) { $0.entries += $1.entries }
    }
  }

  @Test(
    arguments: [
      (1_000, 1), (100_000, 10), (1_000_000, 100), (1_000_000, 5_000), (10_000_000, 100_000),
      (1e9, 1_000_000),
    ]
      as [(Double, Int)]
  )
  func `No window lets too many through, leases and all`(rate: Double, burst: Int) async throws {
    let limiter = try RateLimiter(name: "votes", capacity: burst, refillPerSecond: rate)
    let log = await self.hammer(limiter) { limiter, log, random in
      let now = PolicyClock.system.nanoseconds
      let cells = random.oneIn(4) && burst > 3 ? Int64(3) : 1
      if limiter.take(cells, at: now) == nil { log.add(cells, at: now) }
    }
    #expect(log.entries.count >= min(burst / 3, 1))
    #expect(log.excess(rate: rate, burst: burst) == 0)
    let stats = limiter.stats
    #expect(stats.admitted == log.entries.count)
    #expect(stats.refused == 80_000 - log.entries.count)
  }

  @Test(arguments: [(0.01, 160), (1, 1_000), (1_000, 5_000)] as [(Double, Int)])
  func `The whole burst passes, however many threads want it`(rate: Double, burst: Int) async throws {
    let limiter = try RateLimiter(name: "votes", capacity: burst, refillPerSecond: rate)
    let log = await self.hammer(limiter, calls: 5_000) { limiter, log, _ in
      let now = PolicyClock.system.nanoseconds
      if limiter.take(1, at: now) == nil { log.add(1, at: now) }
    }
    #expect(log.entries.count >= burst)
  }

  @Test func `Nor when requests are rolled back`() async throws {
    let limiter = try RateLimiter(name: "votes", capacity: 200, refillPerSecond: 500_000)
    let log = await self.hammer(limiter) { limiter, log, random in
      let now = PolicyClock.system.nanoseconds
      guard limiter.take(1, at: now) == nil else { return }
      if random.oneIn(3) {
        limiter.refund(1, taken: now, at: PolicyClock.system.nanoseconds)
      } else {
        log.add(1, at: now)
      }
    }
    #expect(log.excess(rate: 500_000, burst: 200) == 0)
    #expect(limiter.stats.admitted == log.entries.count)
  }

  @Test func `Nor when the settings change all the time`() async throws {
    let limiter = try RateLimiter(name: "votes", capacity: 100, refillPerSecond: 1_000)
    let changes = Task.detached {
      var count = 0
      while !Task.isCancelled {
        let isFast = count.isMultiple(of: 2)
        try limiter.reconfigure(RateLimiterOptions(rate: isFast ? 1e6 : 1e3, burst: isFast ? 1_000 : 100))
        count += 1
        // Whoever is to end this, and all other tests, may have no other thread to run on.
        if count.isMultiple(of: 64) { await Task.yield() }
      }
      return count
    }
    let log = await self.hammer(limiter) { limiter, log, random in
      let now = PolicyClock.system.nanoseconds
      // One that a change of settings overtook is dated at that; here all are judged to be up to 0.1 ms late.
      let isTaken = limiter.take(1, at: now) == nil
      if isTaken, PolicyClock.system.nanoseconds - now < 100_000 { log.add(1, at: now) }
      if random.oneIn(100) { _ = limiter.remaining }
    }
    changes.cancel()
    #expect(try await changes.value > 10)
    #expect(!log.entries.isEmpty)
    #expect(log.excess(rate: 1e6, burst: 1_100) == 0)
  }

  @Test func `Nobody who waits is lost among those who come, leave and change things`() async throws {
    let options = RateLimiterOptions(rate: 200_000, burst: 10, queueLimit: 10_000, maximumWait: .seconds(30))
    let limiter = try RateLimiter(name: "votes", options: options)
    let granted = await withTaskGroup(of: Bool.self) { group in
      for task in 0..<2_000 {
        group.addTask {
          let turn = await limiter.turn(Int64(1 + task % 3), until: task % 5 == 0 ? 0 : .max)
          return turn == .granted
        }
        if task.isMultiple(of: 7) {
          group.addTask {
            let waiter = Task { await limiter.turn(10) }
            await Task.yield()
            waiter.cancel()
            _ = await waiter.value
            return false
          }
        }
        if task.isMultiple(of: 100) { try? limiter.reconfigure(options) }
        _ = limiter.tryAcquire()
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(limiter.stats.waiting == 0)
    // Four of five wait as long as it takes.
    #expect(granted >= 1_600)
  }
}
