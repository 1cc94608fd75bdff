import BulwarkResilience
import BulwarkTestKit
import Testing

/// The keyed limiter as its users see it.
@Suite(.timeLimit(.minutes(1))) struct KeyedRateLimiterTests {
  private let clock = VirtualClock()

  private func limiter(
    rate: Double = 1,
    burst: Int = 2,
    maximumKeys: Int = 100
  ) throws -> KeyedRateLimiter<String> {
    let options = KeyedRateLimiterOptions(rate: rate, burst: burst, maximumKeys: maximumKeys)
    return try KeyedRateLimiter(name: "peers", options: options, clock: self.clock.policyClock)
  }

  @Test func `A loud peer takes nothing from the others`() throws {
    let limiter = try self.limiter()
    #expect(limiter.name == "peers")
    #expect((0..<10).count { _ in limiter.tryAcquire(for: "loud") } == 2)
    #expect(limiter.tryAcquire(2, for: "quiet"))
    #expect(limiter.remaining(for: "loud") == 0)
    #expect(limiter.remaining(for: "unknown") == 2)
    #expect(limiter.timeUntil(2, for: "loud") == .seconds(2))
    #expect(limiter.timeUntil(3, for: "loud") == nil)
    #expect(limiter.timeUntil(for: "unknown") == .zero)
    self.clock.advance(by: .seconds(1))
    #expect(limiter.tryAcquire(for: "loud"))
    let stats = limiter.stats
    #expect(stats.admitted == 4 && stats.refused == 8 && stats.refusedForRoom == 0)
    #expect(stats.keys == 2 && stats.maximumKeys == 100)
  }

  @Test func `No place is given to more keys than allowed, over all shards`() throws {
    for maximumKeys in [1, 3, 1_000, 5_000, 100_001] {
      let limiter = try self.limiter(maximumKeys: maximumKeys)
      for key in 0..<(2 * min(maximumKeys, 8_000)) { _ = limiter.tryAcquire(for: "\(key)") }
      let stats = limiter.stats
      #expect(stats.keys <= maximumKeys)
      #expect(stats.keys >= min(maximumKeys, 16_000) * 9 / 10)
      #expect(stats.refused == stats.refusedForRoom)
    }
  }

  @Test func `An operation runs with its key's permit, and its own error keeps its type`() async throws {
    struct Failed: Error, Equatable {}
    let limiter = try self.limiter()
    #expect(try await limiter.run(for: "a") { 7 } == 7)
    await #expect(throws: PolicyError<Failed>.operation(Failed())) {
      try await limiter.run(for: "a") { () throws(Failed) in throw Failed() }
    }
    await #expect {
      try await limiter.run(for: "a") {}
    } throws: { error in
      guard case .rejected(let rejection) = error as? PolicyError<Never> else { return false }
      return rejection.reason == .rateLimited && rejection.policy == "peers"
    }
  }

  @Test func `A key can be drained`() throws {
    let limiter = try self.limiter(maximumKeys: 1)
    #expect(limiter.drain("a"))
    #expect(!limiter.drain("b"))
    #expect(!limiter.tryAcquire(for: "a"))
  }

  @Test func `New settings hold at once, and forgive nothing`() throws {
    let limiter = try self.limiter()
    #expect(limiter.tryAcquire(2, for: "a"))
    try limiter.reconfigure(KeyedRateLimiterOptions(rate: 10, burst: 3, maximumKeys: 5))
    #expect(limiter.remaining(for: "a") == 1)
    #expect(limiter.remaining(for: "b") == 3)
    #expect(limiter.options == KeyedRateLimiterOptions(rate: 10, burst: 3, maximumKeys: 5))
    self.clock.advance(by: .milliseconds(100))
    #expect(limiter.remaining(for: "a") == 2)
  }

  @Test func `No change of settings lets more keys in than it says`() throws {
    let limiter = try self.limiter(maximumKeys: 100_000)
    #expect(throws: InvalidOption.self) { try limiter.reconfigure(KeyedRateLimiterOptions(maximumKeys: 15)) }
    #expect(limiter.options.maximumKeys == 100_000)
    try limiter.reconfigure(KeyedRateLimiterOptions(rate: 1, maximumKeys: 17))
    for key in 0..<1_000 { _ = limiter.tryAcquire(for: "\(key)") }
    #expect(limiter.stats.keys == 17)
  }

  @Test(
    arguments: [
      ("rate", .init(rate: 0)), ("rate", .init(rate: .nan)), ("burst", .init(burst: 0)),
      ("burst", .init(burst: .max)), ("maximumKeys", .init(maximumKeys: 0)),
      ("maximumKeys", .init(maximumKeys: 10_000_001)),
    ] as [(String, KeyedRateLimiterOptions)]
  )
  func `An option out of its range is named`(field: String, options: KeyedRateLimiterOptions) throws {
    let limiter = try self.limiter()
    do {
      try limiter.reconfigure(options)
      Issue.record("\(options) passed")
    } catch {
      #expect(error.field == field)
    }
  }

  @Test func `Who listens hears of refusals and of new settings`() async throws {
    let limiter = try self.limiter(burst: 1)
    var events = limiter.events.stream().makeAsyncIterator()
    _ = limiter.tryAcquire(2, for: "a")
    try limiter.reconfigure(KeyedRateLimiterOptions())
    #expect(await events.next()?.occurrence == .rejected(.exceedsCapacity, retryAfter: nil))
    #expect(await events.next()?.occurrence == .reconfigured)
  }

  @Test func `Threads that share keys get no more than one would`() async throws {
    let limiter = try self.limiter(rate: 1, burst: 1_000, maximumKeys: 5_000)
    let admitted = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<20_000).count { limiter.tryAcquire(for: "\($0 % 10)") }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(admitted == 10_000)
    #expect(limiter.stats.admitted == 10_000)
    #expect(limiter.stats.refused == 70_000)
  }
}
