import BulwarkResilience
import BulwarkTestKit
import Testing

@Suite struct RetryTests {
  private let clock = SkippingClock()
  private let plain = Backoff(jitter: .none)

  private func retry(_ options: RetryOptions, budget: RetryBudget? = nil) throws -> Retry {
    try Retry(name: "peer", options: options, budget: budget, clock: self.clock.policyClock)
  }

  @Test func `Four attempts are made by default, 100, 200 and 400 ms apart`() async throws {
    let retry = try self.retry(RetryOptions(backoff: self.plain))
    var attempts: [Attempt] = []
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 4))) {
      try await retry.run { (attempt) throws(Broken) in
        attempts.append(attempt)
        throw Broken(number: attempt.number)
      }
    }
    #expect(attempts.map(\.number) == [1, 2, 3, 4])
    #expect(attempts.map(\.delay) == [0, 100, 200, 400].map { .milliseconds($0) })
    #expect(attempts.allSatisfy { $0.deadline == nil })
    #expect(self.clock.sleeps == [100, 200, 400].map { .milliseconds($0) })
    #expect(retry.stats.operations == 1 && retry.stats.retries == 3 && retry.stats.exhausted == 1)
  }

  @Test func `The first success is the answer`() async throws {
    let retry = try self.retry(RetryOptions(backoff: self.plain))
    let answer = try await retry.run { attempt throws(Broken) in
      if attempt.number < 3 { throw Broken() }
      return attempt.number
    }
    #expect(answer == 3)
    #expect(retry.stats.recovered == 1)
    #expect(retry.stats.retries == 2)
  }

  @Test func `An operation that cannot fail runs once`() async throws {
    let retry = try self.retry(RetryOptions())
    #expect(try await retry.run { $0.number } == 1)
    #expect(retry.stats.operations == 1 && retry.stats.retries == 0)
  }

  @Test func `The error keeps its type through both forms`() async throws {
    let retry = try self.retry(RetryOptions(maximumAttempts: 1))
    do throws(PolicyError<Broken>) {
      try await retry.run { (_) throws(Broken) -> Void in throw Broken(number: 1) }
    } catch {
      #expect(error == .operation(Broken(number: 1)))
    }
    do throws(PolicyError<Broken>) {
      try await retry.run { (_) throws(PolicyError<Broken>) -> Void in throw .operation(Broken(number: 2)) }
    } catch {
      #expect(error == .operation(Broken(number: 2)))
    }
  }

  @Test func `The classifier stops what does not help`() async throws {
    let retry = try self.retry(RetryOptions())
    var count = 0
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 2))) {
      try await retry.run(classify: { $0.number == 2 ? .stop : .retry() }) { (_) throws(Broken) in
        count += 1
        throw Broken(number: count)
      }
    }
    #expect(count == 2)
  }

  @Test func `A value can ask for another attempt, and the last one is returned`() async throws {
    let retry = try self.retry(RetryOptions(maximumAttempts: 3))
    let answer = try await retry.run(judge: { $0 < 5 ? .retry() : .stop }, operation: { $0.number })
    #expect(answer == 3)
    #expect(try await retry.run(judge: { $0 < 2 ? .retry() : .stop }, operation: { $0.number }) == 2)
  }

  @Test func `A pushback takes the place of the delay, and starts the backoff anew`() async throws {
    let retry = try self.retry(RetryOptions(maximumAttempts: 5, backoff: self.plain))
    _ = try? await retry.run(classify: { $0.number == 2 ? .retry(after: .seconds(7)) : .retry() }) {
      (attempt) throws(Broken) -> Void in throw Broken(number: attempt.number)
    }
    #expect(
      self.clock.sleeps == [.milliseconds(100), .seconds(7), .milliseconds(100), .milliseconds(200)]
    )
  }

  @Test(arguments: [Duration.seconds(-1), .seconds(31)])
  func `A negative or an enormous pushback ends it`(pushback: Duration) async throws {
    let retry = try self.retry(RetryOptions())
    var count = 0
    _ = try? await retry.run(classify: { _ in .retry(after: pushback) }) { (_) throws(Broken) -> Void in
      count += 1
      throw Broken()
    }
    #expect(count == 1)
    #expect(self.clock.sleeps.isEmpty)
  }

  @Test func `It never sleeps past the deadline, but gives up at once`() async throws {
    let retry = try self.retry(RetryOptions(backoff: self.plain))
    let stream = retry.events.stream()
    let start = self.clock.policyClock.now
    let deadline = start.advanced(by: .milliseconds(300))
    var seen: [PolicyClock.Instant?] = []
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await retry.run(deadline: deadline) { (attempt) throws(Broken) in
        seen.append(attempt.deadline)
        throw Broken()
      }
    }
    // 100 ms fit; the 200 ms that come then would end exactly at the deadline.
    #expect(seen == [deadline, deadline])
    #expect(self.clock.now == start.nanoseconds + 100_000_000)
    #expect(retry.stats.gaveUpDeadline == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .retrying(attempt: 1, delay: .milliseconds(100)))
    let last = await events.next()
    #expect(last?.occurrence == .gaveUp(attempt: 2, .deadline))
    #expect(last?.kind == .retry && last?.policy == "peer")
  }

  @Test func `Retrying a failing breaker stops - one that will still be open is not slept for`() async throws
  {
    let retry = try self.retry(RetryOptions(backoff: self.plain))
    let stream = retry.events.stream()
    let reopening = self.clock.policyClock.now.advanced(by: .milliseconds(250))
    var count = 0
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await retry.run(circuit: { $0 < reopening ? $0.duration(to: reopening) : nil }) {
        (_) throws(Broken) in
        count += 1
        throw Broken()
      }
    }
    #expect(count == 1)
    #expect(self.clock.sleeps.isEmpty)
    #expect(retry.stats.gaveUpCircuitOpen == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .gaveUp(attempt: 1, .circuitOpen))
  }

  @Test func `A circuit that opens again during the sleep does not stop it`() async throws {
    let retry = try self.retry(RetryOptions(backoff: self.plain))
    let reopening = self.clock.policyClock.now.advanced(by: .milliseconds(100))
    let answer = try await retry.run(circuit: { $0 < reopening ? $0.duration(to: reopening) : nil }) {
      (attempt) throws(Broken) in
      if attempt.number == 1 { throw Broken() }
      return attempt.number
    }
    #expect(answer == 2)
  }

  @Test func `A refusal is retried only when it says when to come back, and at that time`() async throws {
    let retry = try self.retry(RetryOptions(maximumAttempts: 3))
    for (hint, attempts) in [(nil, 1), (Duration.seconds(2), 3), (.seconds(3600), 1)] as [(Duration?, Int)] {
      let rejection = Rejection(kind: .rateLimiter, policy: "votes", reason: .rateLimited, retryAfter: hint)
      var count = 0
      await #expect(throws: PolicyError<Broken>.rejected(rejection)) {
        try await retry.run { (_) throws(PolicyError<Broken>) in
          count += 1
          throw .rejected(rejection)
        }
      }
      await #expect(throws: PolicyError<Rejection>.operation(rejection)) {
        try await retry.run { (_) throws(Rejection) in throw rejection }
      }
      #expect(count == attempts)
    }
    #expect(self.clock.sleeps == Array(repeating: .seconds(2), count: 4))
  }

  @Test func `Cancellation is not retried, whatever error carries it`() async throws {
    let retry = try self.retry(RetryOptions())
    await #expect(throws: PolicyError<any Error>.self) {
      try await retry.run { _ in throw CancellationError() }
    }
    await #expect(throws: PolicyError<Broken>.cancelled) {
      try await retry.run { (_) throws(PolicyError<Broken>) in throw .cancelled }
    }
    await #expect(throws: PolicyError<PolicyError<Broken>>.operation(.cancelled)) {
      try await retry.run(classify: { .standard(for: $0) }) {
        (_) async throws(PolicyError<PolicyError<Broken>>) in
        throw .operation(.cancelled)
      }
    }
    #expect(retry.stats.retries == 0)
  }

  @Test func `Cancellation ends the sleep at once`() async throws {
    let clock = VirtualClock()
    let retry = try Retry(name: "peer", clock: clock.policyClock)
    let task = Task {
      try await retry.run { (_) throws(Broken) in throw Broken() }
    }
    await clock.waitForSleepers()
    task.cancel()
    await #expect(throws: PolicyError<Broken>.cancelled) { try await task.value }
    #expect(clock.sleeperCount == 0)
    #expect(retry.stats.cancelled == 1)
  }

  @Test func `An attempt that fails in a cancelled task is the last one, and its error the answer`()
    async throws
  {
    let retry = try self.retry(RetryOptions())
    let task = Task {
      try await retry.run { (_) throws(Broken) in
        withUnsafeCurrentTask { $0?.cancel() }
        throw Broken()
      }
    }
    await #expect(throws: PolicyError<Broken>.operation(Broken())) { try await task.value }
    #expect(retry.stats.retries == 0)
  }

  @Test func `Without a delay there is no sleep, but a cancelled task goes no further`() async throws {
    let retry = try self.retry(RetryOptions(backoff: .constant(.zero)))
    #expect(
      try await retry.run { attempt throws(Broken) in
        if attempt.number < 4 { throw Broken() }
        return 1
      } == 1
    )
    #expect(self.clock.sleeps.isEmpty)
    let task = Task {
      try await retry.run(
        circuit: { _ in
          withUnsafeCurrentTask { $0?.cancel() }
          return nil
        },
        judge: { _ in .retry() },
        operation: { $0.number }
      )
    }
    await #expect(throws: PolicyError<Never>.cancelled) { try await task.value }
    #expect(retry.stats.retries == 3)
  }

  @Test func `New options hold for the operations that come`() async throws {
    let retry = try self.retry(RetryOptions())
    let stream = retry.events.stream()
    try retry.reconfigure(RetryOptions(maximumAttempts: 2))
    _ = try? await retry.run { (_) throws(Broken) in throw Broken() }
    #expect(retry.stats.retries == 1)
    #expect(retry.options.maximumAttempts == 2)
    #expect(throws: InvalidOption.self) { try retry.reconfigure(RetryOptions(maximumAttempts: 0)) }
    #expect(retry.options.maximumAttempts == 2)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .reconfigured)
  }

  @Test func `Its name and its budget are those that it was given`() throws {
    let budget = try RetryBudget(.tokens())
    let retry = try self.retry(RetryOptions(), budget: budget)
    #expect(retry.name == "peer" && retry.budget === budget && retry.options == RetryOptions())
    #expect(retry.stats.budget?.available == 5)
    #expect(try self.retry(RetryOptions()).stats.budget == nil)
  }

  @Test func `The budget pays for retries, not for first attempts`() async throws {
    let budget = try RetryBudget(
      .ratio(ofRequests: 0, minimumPerSecond: 0.2, window: .seconds(10)),
      clock: self.clock.policyClock
    )
    let retry = try self.retry(RetryOptions(backoff: .constant(.zero)), budget: budget)
    var attempts = 0
    for _ in 0..<5 {
      _ = try? await retry.run { (_) throws(Broken) -> Void in
        attempts += 1
        throw Broken()
      }
    }
    #expect(attempts == 7)
    #expect(retry.stats.gaveUpBudgetExhausted == 5 && retry.stats.budget?.withdrawn == 2)
  }

  @Test func `In the token form failures cost, successes give back, and refusals of ours do neither`()
    async throws
  {
    let budget = try RetryBudget(.tokens(maximum: 10, ratio: 1))
    let retry = try self.retry(RetryOptions(maximumAttempts: 3), budget: budget)
    _ = try? await retry.run { (_) throws(Broken) -> Void in throw Broken() }
    #expect(budget.stats.available == 2)
    _ = try? await retry.run(classify: { _ in .stop }) { (_) throws(Broken) -> Void in throw Broken() }
    let refusal = Rejection(kind: .bulkhead, policy: "", reason: .bulkheadFull, retryAfter: .zero)
    _ = try? await retry.run { (_) throws(PolicyError<Broken>) -> Void in throw .rejected(refusal) }
    #expect(budget.stats.available == 2)
    _ = try await retry.run { $0.number }
    #expect(budget.stats.available == 3)
  }

  @Test func `The same seed gives the same delays`() async throws {
    var sleeps: [[Duration]] = []
    for _ in 0..<2 {
      let clock = SkippingClock()
      let random = RandomSource(SeededGenerator(seed: 9))
      let retry = try Retry(name: "peer", clock: clock.policyClock, random: random)
      _ = try? await retry.run { (_) throws(Broken) in throw Broken() }
      sleeps.append(clock.sleeps)
    }
    #expect(sleeps[0] == sleeps[1])
    #expect(sleeps[0] != [100, 200, 400].map { .milliseconds($0) })
  }
}
