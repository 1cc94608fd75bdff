import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

@Suite(.timeLimit(.minutes(1))) struct RateLimiterWaitTests {
  private let clock = VirtualClock()

  private func limiter(
    rate: Double = 10,
    burst: Int = 1,
    queueLimit: Int = 1_000,
    maximumWait: Duration = .seconds(1_000)
  ) throws -> RateLimiter {
    let options = RateLimiterOptions(
      rate: rate,
      burst: burst,
      queueLimit: queueLimit,
      maximumWait: maximumWait
    )
    let limiter = try RateLimiter(name: "votes", options: options, clock: self.clock.policyClock)
    limiter.drain()
    return limiter
  }

  /// Starts tasks that wait one behind the other, and returns when all of them do.
  private func line(
    _ count: Int,
    at limiter: RateLimiter,
    _ permits: Int = 1,
    then body: @escaping @Sendable (Int) -> Void = { _ in }
  ) async -> [Task<RateLimiter.Turn, Never>] {
    var tasks: [Task<RateLimiter.Turn, Never>] = []
    let before = limiter.stats.waiting
    for index in 0..<count {
      tasks.append(
        Task {
          let turn = await limiter.turn(Int64(permits))
          body(index)
          return turn
        }
      )
      while limiter.stats.waiting < before + index + 1 { await Task.yield() }
    }
    return tasks
  }

  /// Moves the clock from one wake-up to the next.
  private func step() async {
    await self.clock.waitForSleepers()
    if let next = self.clock.nextWakeUp { self.clock.advance(to: next) }
  }

  @Test func `Permits that are there are not waited for`() async throws {
    let limiter = try RateLimiter(
      name: "votes",
      options: RateLimiterOptions(burst: 2),
      clock: self.clock.policyClock
    )
    try await limiter.acquire(2)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `They are served in the order in which they came, one per period`() async throws {
    let limiter = try self.limiter()
    let order = Mutex<[Int]>([])
    let tasks = await self.line(20, at: limiter) { index in order.withLock { $0.append(index) } }
    for (index, task) in tasks.enumerated() {
      #expect(limiter.stats.waiting == 20 - index)
      await self.step()
      #expect(await task.value == .granted)
    }
    #expect(order.withLock { $0 } == Array(0..<20))
    #expect(self.clock.sleeperCount == 0)
    #expect(limiter.stats.admitted == 20)
  }

  @Test func `Each turn wakes one task, and one timer serves all (governor's thundering herd)`() async throws
  {
    let sleeps = Atomic(0)
    let base = self.clock.policyClock
    let counting = PolicyClock(
      now: { base.now },
      sleep: { instant in
        sleeps.wrappingAdd(1, ordering: .relaxed)
        try await base.sleep(until: instant)
      }
    )
    let options = RateLimiterOptions(rate: 10, burst: 1, queueLimit: 100, maximumWait: .seconds(100))
    let limiter = try RateLimiter(name: "votes", options: options, clock: counting)
    limiter.drain()
    let woken = Atomic(0)
    let tasks = await self.line(50, at: limiter) { _ in woken.wrappingAdd(1, ordering: .relaxed) }
    for (index, task) in tasks.enumerated() {
      await self.step()
      _ = await task.value
      #expect(woken.load(ordering: .relaxed) == index + 1)
    }
    #expect(sleeps.load(ordering: .relaxed) == 50)
  }

  @Test func `Nobody passes those who wait, not even for permits that would do for him alone`() async throws {
    let limiter = try self.limiter(burst: 10)
    let tasks = await self.line(1, at: limiter, 5)
    self.clock.advance(by: .milliseconds(400))
    #expect(!limiter.tryAcquire())
    #expect(limiter.remaining == 0)
    #expect(limiter.timeUntil() == .milliseconds(200))
    await self.step()
    #expect(await tasks[0].value == .granted)
    #expect(!limiter.tryAcquire())
  }

  @Test func `One whose turn has come is served before a newcomer, even if the timer is late`() async throws {
    // A clock whose sleeps never end by themselves.
    let time = Atomic<Int64>(0)
    let clock = PolicyClock(
      now: { PolicyClock.Instant(nanoseconds: time.load(ordering: .relaxed)) },
      sleep: { _ in try await Task.sleep(for: .seconds(3_600)) }
    )
    let options = RateLimiterOptions(rate: 10, burst: 2, queueLimit: 5, maximumWait: .seconds(10))
    let limiter = try RateLimiter(name: "votes", options: options, clock: clock)
    limiter.drain()
    let tasks = await self.line(2, at: limiter)
    time.store(200_000_000, ordering: .relaxed)
    #expect(!limiter.tryAcquire())
    #expect(await tasks[0].value == .granted)
    #expect(await tasks[1].value == .granted)
    time.store(300_000_000, ordering: .relaxed)
    #expect(limiter.tryAcquire())
    #expect(limiter.stats.waiting == 0)
  }

  // MARK: - Refused at once

  @Test func `A wait that cannot fit is refused at once instead of being sat out`() async throws {
    let limiter = try self.limiter(rate: 1, maximumWait: .seconds(10))
    let now = self.clock.policyClock.now
    #expect(
      await limiter.turn(1, within: 999_999_999) == .refused(Refusal(.deadline, retryAfter: 1_000_000_000))
    )
    #expect(
      await limiter.turn(1, until: now.nanoseconds) == .refused(Refusal(.deadline, retryAfter: 1_000_000_000))
    )
    #expect(await limiter.turn(1, within: .min) == .refused(Refusal(.deadline, retryAfter: 1_000_000_000)))
    #expect(await limiter.turn(2) == .refused(Refusal(.exceedsCapacity)))
    let tasks = await self.line(10, at: limiter)
    #expect(await limiter.turn(1) == .refused(Refusal(.rateLimited, retryAfter: 11_000_000_000)))
    #expect(limiter.stats.refused == 5)
    for task in tasks { task.cancel() }
  }

  @Test func `A wait that just fits is granted`() async throws {
    let limiter = try self.limiter(rate: 1, maximumWait: .seconds(1))
    async let wait: Void = limiter.acquire(
      maximumWait: .seconds(1),
      deadline: self.clock.policyClock.now.advanced(by: .seconds(1))
    )
    await self.step()
    try await wait
  }

  @Test func `A full queue refuses`() async throws {
    let limiter = try self.limiter(queueLimit: 2)
    let tasks = await self.line(2, at: limiter)
    #expect(await limiter.turn(1) == .refused(Refusal(.rateLimited, retryAfter: 300_000_000)))
    for task in tasks { task.cancel() }
  }

  @Test func `The errors are those of the policies`() async throws {
    let limiter = try self.limiter(queueLimit: 1)
    await #expect {
      try await limiter.acquire(2)
    } throws: { error in
      guard case .rejected(let rejection) = error as? PolicyError<Never> else { return false }
      return rejection == Rejection(kind: .rateLimiter, policy: "votes", reason: .exceedsCapacity)
    }
    let task = Task {
      try await limiter.run { 1 }
    }
    while limiter.stats.waiting < 1 { await Task.yield() }
    task.cancel()
    await #expect {
      _ = try await task.value
    } throws: { error in
      guard case .cancelled = error as? PolicyError<Never> else { return false }
      return true
    }
  }

  // MARK: - Leaving early

  @Test func `A thousand who are cancelled leave nothing taken behind (phantom reservations)`() async throws {
    let limiter = try self.limiter()
    let tasks = await self.line(1_000, at: limiter)
    #expect(limiter.timeUntil() == .milliseconds(100_100))
    for task in tasks { task.cancel() }
    for task in tasks { #expect(await task.value == .cancelled) }
    #expect(limiter.stats.waiting == 0)
    #expect(limiter.timeUntil() == .milliseconds(100))
    self.clock.advance(by: .milliseconds(100))
    #expect(limiter.tryAcquire())
    #expect(limiter.stats.refused == 0)
  }

  @Test func `Those behind one who is cancelled move up`() async throws {
    let limiter = try self.limiter(burst: 5)
    let big = await self.line(1, at: limiter, 5)
    let small = await self.line(2, at: limiter)
    big[0].cancel()
    #expect(await big[0].value == .cancelled)
    self.clock.advance(by: .milliseconds(100))
    #expect(await small[0].value == .granted)
    await self.step()
    #expect(await small[1].value == .granted)
  }

  @Test func `A task that is cancelled already does not wait`() async throws {
    let limiter = try self.limiter()
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      return await limiter.turn(1)
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(limiter.stats.waiting == 0)
  }

  @Test func `The timer goes with the last one who waits`() async throws {
    let limiter = try self.limiter()
    let tasks = await self.line(1, at: limiter)
    await self.clock.waitForSleepers()
    tasks[0].cancel()
    _ = await tasks[0].value
    while self.clock.sleeperCount > 0 { await Task.yield() }
    #expect(limiter.stats.waiting == 0)
  }

  // MARK: - Changes while somebody waits

  @Test func `A faster rate serves those who wait sooner`() async throws {
    let limiter = try self.limiter(rate: 1)
    let tasks = await self.line(3, at: limiter)
    try limiter.reconfigure(
      RateLimiterOptions(rate: 1_000, burst: 1, queueLimit: 5, maximumWait: .seconds(9))
    )
    for task in tasks {
      #expect(limiter.timeUntil().map { $0 <= .milliseconds(4) } == true)
      self.clock.advance(by: .milliseconds(1))
      #expect(await task.value == .granted)
    }
  }

  @Test func `A slower rate refuses those at once who would wait too long`() async throws {
    let limiter = try self.limiter(rate: 10, maximumWait: .milliseconds(200))
    let tasks = await self.line(2, at: limiter)
    try limiter.reconfigure(RateLimiterOptions(rate: 5, burst: 1, queueLimit: 5))
    #expect(await tasks[1].value == .refused(Refusal(.deadline, retryAfter: 400_000_000)))
    self.clock.advance(by: .milliseconds(200))
    #expect(await tasks[0].value == .granted)
  }

  @Test func `A rollback serves the one who waits for it`() async throws {
    let limiter = try RateLimiter(
      name: "votes",
      options: RateLimiterOptions(rate: 1, burst: 1, queueLimit: 1, maximumWait: .seconds(5)),
      clock: self.clock.policyClock
    )
    let now = self.clock.policyClock.nanoseconds
    #expect(limiter.take(1, at: now) == nil)
    let tasks = await self.line(1, at: limiter)
    limiter.refund(1, taken: now, at: now)
    #expect(await tasks[0].value == .granted)
    #expect(limiter.stats.admitted == 1)
  }

  @Test func `A rollback makes room at once where nobody waits`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 2,
      refillPerSecond: 1,
      clock: self.clock.policyClock
    )
    let now = self.clock.policyClock.nanoseconds
    #expect(limiter.take(2, at: now) == nil)
    #expect(limiter.take(1, at: now) == Refusal(.rateLimited, retryAfter: 1_000_000_000))
    limiter.refund(2, taken: now, at: now)
    #expect(limiter.remaining == 2)
    #expect(limiter.stats.admitted == 0)
  }

  @Test func `A sleep that fails strands nobody`() async throws {
    struct Broken: Error {}
    let base = self.clock.policyClock
    let failures = Atomic(3)
    let clock = PolicyClock(
      now: { base.now },
      sleep: { instant in
        if failures.wrappingSubtract(1, ordering: .relaxed).newValue >= 0 { throw Broken() }
        try await base.sleep(until: instant)
      }
    )
    let options = RateLimiterOptions(rate: 1, burst: 1, queueLimit: 1, maximumWait: .seconds(5))
    let limiter = try RateLimiter(name: "votes", options: options, clock: clock)
    limiter.drain()
    let tasks = await self.line(1, at: limiter)
    await self.step()
    #expect(await tasks[0].value == .granted)
  }

  @Test func `A clock that goes back keeps them waiting, and loses none`() async throws {
    let limiter = try self.limiter(rate: 1)
    let tasks = await self.line(2, at: limiter)
    let start = self.clock.now
    self.clock.advance(by: .milliseconds(500))
    self.clock.jump(to: start)
    #expect(!limiter.tryAcquire())
    for task in tasks {
      await self.step()
      #expect(await task.value == .granted)
    }
  }
}
