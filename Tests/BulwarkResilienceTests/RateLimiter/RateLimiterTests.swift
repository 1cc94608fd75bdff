import BulwarkResilience
import BulwarkTestKit
import Synchronization
import Testing

/// The limiter as its users see it, where nobody waits.
@Suite struct RateLimiterTests {
  private let clock = VirtualClock()

  @Test func `A burst passes, the rest is refused, and the bucket refills smoothly`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 100,
      refillPerSecond: 10,
      clock: self.clock.policyClock
    )
    #expect(limiter.name == "votes")
    for _ in 0..<100 { #expect(limiter.tryAcquire()) }
    #expect(!limiter.tryAcquire())
    #expect(limiter.timeUntil() == .milliseconds(100))
    self.clock.advance(by: .milliseconds(99))
    #expect(!limiter.tryAcquire())
    self.clock.advance(by: .milliseconds(1))
    #expect(limiter.tryAcquire())
    #expect(!limiter.tryAcquire())
    self.clock.advance(by: .seconds(3_600))
    #expect(limiter.remaining == 100)
  }

  @Test func `Permits can be taken several at a time, all or none`() throws {
    let limiter = try RateLimiter(
      name: "bytes",
      capacity: 10,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    #expect(limiter.tryAcquire(7))
    #expect(!limiter.tryAcquire(4))
    #expect(limiter.remaining == 3)
    #expect(limiter.tryAcquire(3))
    #expect(limiter.timeUntil(10) == .seconds(10))
    #expect(limiter.tryAcquire(0))
    #expect(limiter.tryAcquire(-5))
  }

  @Test func `What can never pass is told apart from what can pass later`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 5,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    #expect(!limiter.tryAcquire(6))
    #expect(limiter.timeUntil(6) == nil)
    #expect(limiter.timeUntil(5) == .zero)
    #expect(limiter.remaining == 5)
  }

  @Test func `Looking takes nothing`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 1,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    for _ in 0..<10 {
      #expect(limiter.remaining == 1)
      #expect(limiter.timeUntil() == .zero)
      #expect(limiter.stats.remaining == 1)
    }
    #expect(limiter.tryAcquire())
  }

  @Test func `A drained bucket is empty, and refills from there`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 5,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    limiter.drain()
    #expect(limiter.remaining == 0)
    #expect(!limiter.tryAcquire())
    self.clock.advance(by: .seconds(2))
    #expect(limiter.remaining == 2)
  }

  @Test func `Statistics count what passed and what was refused, and say when to come back`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 2,
      refillPerSecond: 4,
      clock: self.clock.policyClock
    )
    for _ in 0..<5 { _ = limiter.tryAcquire() }
    let stats = limiter.stats
    #expect(stats.admitted == 2)
    #expect(stats.refused == 3)
    #expect(stats.waiting == 0)
    #expect(stats.remaining == 0)
    #expect(stats.retryAfterNanoseconds == 250_000_000)
  }

  @Test func `A clock that goes back neither traps nor lets more through`() throws {
    let time = Atomic<Int64>(1_000_000_000)
    let clock = PolicyClock(
      now: { PolicyClock.Instant(nanoseconds: time.load(ordering: .relaxed)) },
      sleep: { _ in }
    )
    let limiter = try RateLimiter(name: "votes", capacity: 3, refillPerSecond: 1, clock: clock)
    for _ in 0..<3 { #expect(limiter.tryAcquire()) }
    for instant in [0, -1_000_000_000_000, .min, .max, 1_000_000_000] as [Int64] {
      time.store(instant, ordering: .relaxed)
      let passed = (0..<10).count { _ in limiter.tryAcquire() }
      #expect(passed == (instant == .max ? 3 : 0))
    }
  }

  @Test func `An operation runs with its permit, and its own error keeps its type`() async throws {
    struct Failed: Error, Equatable {}
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 2,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    #expect(try await limiter.run { 7 } == 7)
    await #expect(throws: PolicyError<Failed>.operation(Failed())) {
      try await limiter.run { () throws(Failed) in throw Failed() }
    }
    await #expect {
      try await limiter.run {}
    } throws: { error in
      guard case .rejected(let rejection) = error as? PolicyError<Never> else { return false }
      return rejection
        == Rejection(kind: .rateLimiter, policy: "votes", reason: .rateLimited, retryAfter: .seconds(1))
    }
  }

  // MARK: - Settings

  @Test func `New settings keep what was taken`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 10,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    #expect(limiter.tryAcquire(10))
    for _ in 0..<20 {
      try limiter.reconfigure(RateLimiterOptions(rate: 1, burst: 12))
      try limiter.reconfigure(RateLimiterOptions(rate: 1, burst: 10))
    }
    #expect(!limiter.tryAcquire())
    try limiter.reconfigure(RateLimiterOptions(rate: 5, burst: 12))
    #expect(limiter.remaining == 2)
    self.clock.advance(by: .seconds(1))
    #expect(limiter.remaining == 7)
    #expect(limiter.options == RateLimiterOptions(rate: 5, burst: 12))
  }

  @Test func `Settings that are not valid change nothing`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 10,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    #expect(throws: InvalidOption.self) { try limiter.reconfigure(RateLimiterOptions(rate: .nan)) }
    #expect(limiter.options == RateLimiterOptions(rate: 1, burst: 10))
  }

  @Test(
    arguments: [
      ("rate", .init(rate: 0)), ("rate", .init(rate: -1)), ("rate", .init(rate: .nan)),
      ("rate", .init(rate: .infinity)), ("rate", .init(rate: 1e11)),
      ("rate", .init(permits: 1, per: .zero, burst: 1)), ("rate", .init(permits: 0, per: .zero, burst: 1)),
      ("rate", .init(permits: 1, per: .seconds(-1), burst: 1)),
      ("burst", .init(burst: 0)), ("burst", .init(burst: -1)), ("burst", .init(rate: 1e-6, burst: 32)),
      ("burst", .init(burst: .max)), ("queueLimit", .init(queueLimit: -1)),
      ("queueLimit", .init(queueLimit: 1_000_001)), ("maximumWait", .init(maximumWait: .seconds(-1))),
      ("maximumWait", .init(maximumWait: .seconds(31_536_001))),
    ] as [(String, RateLimiterOptions)]
  )
  func `An option out of its range is named`(field: String, options: RateLimiterOptions) {
    do {
      _ = try RateLimiter(name: "votes", options: options)
      Issue.record("\(options) passed")
    } catch {
      #expect(error.field == field)
    }
  }

  @Test func `A rate can be given as a number of permits per period`() {
    #expect(RateLimiterOptions(permits: 5, per: .seconds(60), burst: 1).rate == 5.0 / 60)
    #expect(RateLimiterOptions(permits: 5, per: .milliseconds(1), burst: 1).rate == 5_000)
  }

  // MARK: - Events

  @Test func `Who listens hears of refusals and of new settings`() async throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 1,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    var events = limiter.events.stream().makeAsyncIterator()
    _ = limiter.tryAcquire()
    _ = limiter.tryAcquire()
    _ = limiter.tryAcquire(2)
    try limiter.reconfigure(RateLimiterOptions())
    #expect(await events.next()?.occurrence == .rejected(.rateLimited, retryAfter: .seconds(1)))
    #expect(await events.next()?.occurrence == .rejected(.exceedsCapacity, retryAfter: nil))
    let last = await events.next()
    #expect(last?.occurrence == .reconfigured)
    #expect(last?.kind == .rateLimiter)
    #expect(last?.policy == "votes")
  }
}
