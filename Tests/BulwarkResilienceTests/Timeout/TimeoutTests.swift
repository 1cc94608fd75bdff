import BulwarkResilience
import BulwarkTestKit
import Testing

@Suite struct TimeoutTests {
  private let clock = VirtualClock()

  private func timeout(_ limit: Duration? = .seconds(1)) throws -> Timeout {
    try Timeout(name: "attempt", options: TimeoutOptions(limit: limit), clock: self.clock.policyClock)
  }

  /// Sleeps on a clock of its own, so that only cancellation ends it.
  private func hang() async throws {
    try await VirtualClock().policyClock.sleep(until: .init(nanoseconds: .max))
  }

  @Test func `What is done in time is the answer, and the timer goes with it`() async throws {
    let timeout = try self.timeout()
    #expect(try await timeout.run { 7 } == 7)
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await timeout.run { () throws(Broken) in throw Broken() }
    }
    #expect(timeout.name == "attempt" && timeout.options.limit == .seconds(1))
    #expect(timeout.stats.limited == 2 && timeout.stats.timedOut == 0)
    #expect(timeout.stats.limitNanoseconds == 1_000_000_000)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `What was done too late is no answer, although nothing could cancel it`() async throws {
    let timeout = try self.timeout()
    let error = await #expect(throws: PolicyError<Never>.self) {
      try await timeout.run { self.clock.advance(by: .seconds(1)) }
    }
    #expect(error == .timedOut(TimedOut(policy: "attempt", limit: .seconds(1))))
    #expect(timeout.stats.timedOut == 1)
  }

  @Test func `At its limit the operation is cancelled`() async throws {
    let timeout = try self.timeout()
    let stream = timeout.events.stream()
    let task = Task {
      try await timeout.run { try await self.hang() }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(1))
    let error = await #expect(throws: PolicyError<any Error>.self) { try await task.value }
    guard case .timedOut(let timedOut) = error else { return #expect(Bool(false), "\(error as Any)") }
    #expect(timedOut == TimedOut(policy: "attempt", limit: .seconds(1)))
    #expect(timeout.stats.timedOut == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .timedOut(limit: .seconds(1)))
  }

  @Test func `An operation that ignores its cancellation is waited for, and its late answer dropped`()
    async throws
  {
    let timeout = try self.timeout()
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let task = Task {
      try await timeout.run { () async -> Int in
        await Task { for await _ in release { break } }.value
        return 7
      }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(1))
    releaser.yield()
    await #expect(throws: PolicyError<Never>.self) { try await task.value }
    #expect(timeout.stats.timedOut == 1)
  }

  @Test func `The caller's cancellation reaches the operation, and its answer is the answer`() async throws {
    let timeout = try self.timeout()
    let task = Task {
      try await timeout.run { try await self.hang() }
    }
    await self.clock.waitForSleepers()
    task.cancel()
    let error = await #expect(throws: PolicyError<any Error>.self) { try await task.value }
    guard case .operation(let error) = error else { return #expect(Bool(false)) }
    #expect(error is CancellationError)
    #expect(self.clock.sleeperCount == 0 && timeout.stats.timedOut == 0)
  }

  @Test func `An inner timeout never extends an outer one`() async throws {
    let outer = try self.timeout(.seconds(1))
    let inner = try self.timeout(.seconds(60))
    let task = Task {
      try await outer.run { () async throws(PolicyError<any Error>) in
        try await inner.run { try await self.hang() }
      }
    }
    await self.clock.waitForSleepers(2)
    self.clock.advance(by: .seconds(1))
    let error = await #expect(throws: PolicyError<any Error>.self) { try await task.value }
    guard case .timedOut = error else { return #expect(Bool(false)) }
    #expect(outer.stats.timedOut == 1 && inner.stats.timedOut == 0)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `The caller's deadline counts where it is earlier`() async throws {
    let timeout = try self.timeout(.seconds(60))
    let policyClock = self.clock.policyClock
    let deadline = policyClock.now.advanced(by: .milliseconds(5))
    let task = Task {
      try await timeout.run(deadline: deadline) { try await self.hang() }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(5))
    await #expect(throws: PolicyError<any Error>.self) { try await task.value }
    let late = TimedOut(policy: "attempt", limit: .zero)
    await #expect(throws: PolicyError<Never>.timedOut(late)) {
      try await timeout.run(deadline: deadline) { Issue.record("ran after its time") }
    }
  }

  @Test func `Without a limit there is no timer`() async throws {
    let timeout = try self.timeout(nil)
    #expect(try await timeout.run { self.clock.sleeperCount } == 0)
    #expect(timeout.stats.limited == 0 && timeout.stats.limitNanoseconds == nil)
    #expect(timeout.options == TimeoutOptions(limit: nil))
    #expect(try await timeout.run(deadline: .init(nanoseconds: .max)) { 7 } == 7)
    #expect(timeout.stats.limited == 0)
  }

  @Test(arguments: [(Int64.min, true), (.max, false)])
  func `No time that the clock shows is too early or too late`(now: Int64, isInTime: Bool) async throws {
    let clock = PolicyClock(now: { .init(nanoseconds: now) }, sleep: { _ in try await self.hang() })
    let timeout = try Timeout(name: "attempt", clock: clock)
    #expect((try? await timeout.run { 1 }) == (isInTime ? 1 : nil))
  }

  @Test func `New limits hold for the operations that come, and bad ones are refused`() throws {
    let timeout = try self.timeout()
    try timeout.reconfigure(TimeoutOptions(limit: .seconds(5)))
    #expect(timeout.stats.limitNanoseconds == 5_000_000_000)
    for limit in [Duration.zero, .seconds(-1), .seconds(Int64.max)] {
      let error = #expect(throws: InvalidOption.self) { try timeout.reconfigure(.init(limit: limit)) }
      #expect(error?.field == "limit")
      #expect(throws: InvalidOption.self) { try self.timeout(limit) }
    }
    #expect(timeout.options.limit == .seconds(5))
  }

  private actor Counter {
    var count = 0

    func run(under timeout: Timeout) async throws -> Int {
      try await timeout.run {
        self.assertIsolated()
        self.count += 1
        await Task.yield()
        self.assertIsolated()
        self.count += 1
        return self.count
      }
    }
  }

  @Test func `The operation runs on the caller's actor, and may use what only that may`() async throws {
    let timeout = try self.timeout()
    let counter = Counter()
    for number in 1...100 {
      #expect(try await counter.run(under: timeout) == 2 * number)
    }
    try await self.runOnMainActor(timeout)
  }

  @MainActor private func runOnMainActor(_ timeout: Timeout) async throws {
    final class Unshared { var count = 0 }
    let unshared = Unshared()
    let same = try await timeout.run {
      MainActor.assertIsolated()
      unshared.count += 1
      return unshared
    }
    #expect(same === unshared && unshared.count == 1)
  }

  @Test func `Under threads each operation ends once, in time or not`() async throws {
    let timeout = try Timeout(name: "attempt", options: .init(limit: .microseconds(50)))
    let done = await withTaskGroup { group in
      for index in 0..<2000 {
        group.addTask {
          let answer = try? await timeout.run {
            if index.isMultiple(of: 2) { try await Task.sleep(for: .microseconds(index)) }
            return 1
          }
          return answer ?? 0
        }
      }
      return await group.reduce(0, +)
    }
    #expect(timeout.stats.limited == 2000)
    #expect(done + timeout.stats.timedOut == 2000)
  }
}
