import BulwarkCore
import BulwarkResilience
import BulwarkTestKit
import Synchronization
import Testing

@Suite struct HedgeTests {
  private let clock = VirtualClock()

  private func hedge(_ options: HedgeOptions = HedgeOptions(), budget: RetryBudget? = nil) throws -> Hedge {
    try Hedge(name: "reads", options: options, budget: budget, clock: self.clock.policyClock)
  }

  private final class Count: Sendable {
    private let count = Atomic(0)
    var value: Int { self.count.load(ordering: .relaxed) }
    func add(_ number: Int) { self.count.wrappingAdd(number, ordering: .relaxed) }
  }

  /// Sleeps on a clock of its own, so that only cancellation ends it.
  private static func hang() async throws { try await VirtualClock().policyClock.sleep(for: .seconds(1)) }

  @Test func `A quick first attempt is the only one`() async throws {
    let hedge = try self.hedge()
    #expect(try await hedge.run { $0.number } == 1)
    #expect(hedge.name == "reads" && hedge.budget === nil)
    #expect(hedge.stats.operations == 1 && hedge.stats.hedges == 0)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `A slow attempt gets another one beside it, and is cancelled when that wins`() async throws {
    let hedge = try self.hedge()
    let stream = hedge.events.stream()
    let cancellations = Count()
    let task = Task {
      try await hedge.run { attempt in
        if attempt.number == 1 {
          do { try await Self.hang() } catch { cancellations.add(1) }
        }
        return attempt
      }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(100))
    let attempt = try await task.value
    #expect(attempt.number == 2 && attempt.delay == .milliseconds(100) && attempt.deadline == nil)
    #expect(cancellations.value == 1)
    #expect(hedge.stats.hedges == 1 && hedge.stats.wonByHedge == 1)
    var events = stream.makeAsyncIterator()
    let event = await events.next()
    #expect(event?.occurrence == .hedged(attempt: 2) && event?.kind == .hedge && event?.policy == "reads")
  }

  @Test func `A failure starts the next attempt without waiting`() async throws {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 3))
    let answer = try await hedge.run { attempt throws(Broken) in
      if attempt.number < 3 { throw Broken() }
      return attempt.number
    }
    #expect(answer == 3)
    #expect(hedge.stats.hedges == 2)
  }

  @Test func `When all have failed the last failure is thrown, with its type`() async throws {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 2))
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 2))) {
      try await hedge.run { (attempt) throws(Broken) in throw Broken(number: attempt.number) }
    }
    await #expect(throws: PolicyError<Broken>.cancelled) {
      try await hedge.run { (_) throws(PolicyError<Broken>) in throw .cancelled }
    }
  }

  @Test func `A failure that no attempt mends ends all`() async throws {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 2, delay: .zero))
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 2))) {
      try await hedge.run(classify: { $0.number == 2 ? .stop : .retry() }) { (attempt) throws(Broken) in
        if attempt.number == 1 { try? await Self.hang() }
        throw Broken(number: attempt.number)
      }
    }
  }

  @Test(arguments: [
    Rejection(kind: .circuitBreaker, policy: "peer", reason: .circuitOpen, retryAfter: .milliseconds(1)),
    Rejection(kind: .circuitBreaker, policy: "peer", reason: .circuitForcedOpen),
    Rejection(kind: .bulkhead, policy: "peer", reason: .bulkheadFull),
  ])
  func `The refusal of a second attempt leaves the first one to its answer, and starts no third`(
    rejection: Rejection
  ) async throws {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 3))
    let (answers, answer) = AsyncStream.makeStream(of: Int.self)
    let refused = Count()
    let task = Task {
      try await hedge.run { (attempt) throws(PolicyError<Broken>) in
        guard attempt.number == 1 else {
          refused.add(1)
          throw .rejected(rejection)
        }
        return await answers.first { _ in true } ?? 0
      }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(100))
    while refused.value == 0 { await Task.yield() }
    self.clock.advance(by: .seconds(1))
    answer.yield(7)
    #expect(try await task.value == 7)
    #expect(refused.value == 1 && hedge.stats.hedges == 1)
  }

  @Test func `A circuit that refuses the only attempt ends it at once, without waiting for the break to end`()
    async throws
  {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 3))
    let rejection = Rejection(
      kind: .circuitBreaker,
      policy: "peer",
      reason: .circuitOpen,
      retryAfter: .milliseconds(1)
    )
    await #expect(throws: PolicyError<Broken>.rejected(rejection)) {
      try await hedge.run { (_) throws(PolicyError<Broken>) -> Int in throw .rejected(rejection) }
    }
    #expect(hedge.stats.hedges == 0)
  }

  @Test func `The delay may come from a function`() async throws {
    let hedge = try Hedge(
      name: "reads",
      options: HedgeOptions(maximumAttempts: 3),
      clock: self.clock.policyClock,
      delay: { .milliseconds(10 * $0) }
    )
    let task = Task {
      try await hedge.run { attempt in
        if attempt.number < 3 { try? await Self.hang() }
        return attempt.delay
      }
    }
    let start = self.clock.now
    await self.clock.waitForSleepers()
    #expect(self.clock.nextWakeUp == start.advanced(by: .milliseconds(10)))
    self.clock.advance(by: .milliseconds(10))
    // The second attempt's own delay, not the first one's again.
    await self.clock.waitForSleepers()
    #expect(self.clock.nextWakeUp == start.advanced(by: .milliseconds(30)))
    self.clock.advance(by: .milliseconds(20))
    #expect(try await task.value == .milliseconds(20))
  }

  @Test func `No hedge starts that the budget does not pay for`() async throws {
    let budget = try RetryBudget(
      .ratio(ofRequests: 0, minimumPerSecond: 0.1, window: .seconds(10)),
      clock: self.clock.policyClock
    )
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 4), budget: budget)
    let stream = hedge.events.stream()
    let count = Count()
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await hedge.run { (_) throws(Broken) in
        count.add(1)
        throw Broken()
      }
    }
    #expect(count.value == 2)
    #expect(hedge.stats.gaveUpBudgetExhausted == 1)
    #expect(hedge.stats.budget?.withdrawn == 1 && hedge.stats.budget?.refused == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .hedged(attempt: 2))
    #expect(await events.next()?.occurrence == .gaveUp(attempt: 2, .budgetExhausted))
  }

  @Test func `A failure costs the budget a token, and a refusal of ours none`() async throws {
    let budget = try RetryBudget(.tokens(maximum: 10, ratio: 0.5))
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 2), budget: budget)
    _ = try await hedge.run { attempt throws(Broken) in if attempt.number == 1 { throw Broken() } }
    #expect(budget.stats.available == 5)
    let refusal = Rejection(kind: .bulkhead, policy: "", reason: .bulkheadFull, retryAfter: .zero)
    _ = try? await hedge.run { (_) throws(PolicyError<Broken>) -> Int in throw .rejected(refusal) }
    #expect(budget.stats.available == 5)
  }

  @Test func `A pushback that does not fit ends it at once`() async throws {
    let hedge = try self.hedge()
    let deadline = self.clock.policyClock.now.advanced(by: .seconds(1))
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await hedge.run(deadline: deadline, classify: { _ in .retry(after: .seconds(1)) }) {
        attempt throws(Broken) in
        #expect(attempt.deadline == deadline)
        throw Broken()
      }
    }
    #expect(hedge.stats.gaveUpDeadline == 1)
  }

  @Test func `Cancellation during a pushback ends it at once`() async throws {
    let hedge = try self.hedge()
    let task = Task {
      try await hedge.run(classify: { _ in .retry(after: .seconds(5)) }) { (_) throws(Broken) in
        throw Broken()
      }
    }
    // The first timer sleeps, too, until the group ends.
    await self.clock.waitForSleepers(2)
    task.cancel()
    await #expect(throws: PolicyError<Broken>.cancelled) { try await task.value }
    #expect(self.clock.sleeperCount == 0 && hedge.stats.hedges == 0)
  }

  @Test func `In a cancelled task nothing more is started, and a success still counts`() async throws {
    let hedge = try self.hedge(HedgeOptions(maximumAttempts: 3))
    let task = Task {
      try await hedge.run { attempt throws(Broken) in
        try? await Self.hang()
        throw Broken(number: attempt.number)
      }
    }
    await self.clock.waitForSleepers()
    task.cancel()
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 1))) { try await task.value }
    let stubborn = Task {
      try await hedge.run { attempt in
        try? await Self.hang()
        return attempt.number
      }
    }
    await self.clock.waitForSleepers()
    stubborn.cancel()
    #expect(try await stubborn.value == 1)
    #expect(hedge.stats.hedges == 0)
  }

  @Test func `New options hold for the operations that come`() async throws {
    let hedge = try self.hedge()
    try hedge.reconfigure(HedgeOptions(maximumAttempts: 1))
    _ = try? await hedge.run { (_) throws(Broken) in throw Broken() }
    #expect(hedge.stats.hedges == 0 && hedge.options.maximumAttempts == 1)
    #expect(throws: InvalidOption.self) { try hedge.reconfigure(HedgeOptions(maximumAttempts: 17)) }
  }

  @Test(arguments: [
    (HedgeOptions(maximumAttempts: 0), "maximumAttempts"),
    (HedgeOptions(maximumAttempts: .max), "maximumAttempts"),
    (HedgeOptions(delay: .seconds(-1)), "delay"),
    (HedgeOptions(delay: .seconds(Int64.max)), "delay"),
    (HedgeOptions(maximumPushback: .seconds(-1)), "maximumPushback"),
  ])
  func `Each bad value is refused by its name`(options: HedgeOptions, field: String) {
    let error = #expect(throws: InvalidOption.self) { try self.hedge(options) }
    #expect(error?.field == field)
  }

  /// grpc-swift #1780: two attempts that end at the same time both took themselves for the winner.
  @Test func `Under threads there is one winner, and no attempt outlives the operation`() async throws {
    let hedge = try Hedge(name: "reads", options: HedgeOptions(maximumAttempts: 4, delay: .zero))
    let (started, underway) = (Count(), Count())
    let answers = await withTaskGroup { group in
      for index in 0..<1000 {
        group.addTask {
          let answer = try? await hedge.run { attempt throws(Broken) in
            started.add(1)
            underway.add(1)
            defer { underway.add(-1) }
            await Task.yield()
            if (index + attempt.number).isMultiple(of: 3) { throw Broken() }
            return index
          }
          return answer == index ? 1 : 0
        }
      }
      return await group.reduce(0, +)
    }
    #expect(answers == 1000)
    #expect(underway.value == 0)
    #expect(started.value == 1000 + hedge.stats.hedges)
  }
}
