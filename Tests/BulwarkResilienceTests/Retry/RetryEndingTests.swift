import BulwarkResilience
import BulwarkTestKit
import Testing

/// What a retry counts and pays when the attempt that it planned is not made after all.
@Suite struct RetryEndingTests {
  private func budget(_ clock: PolicyClock) throws -> RetryBudget {
    try RetryBudget(.ratio(ofRequests: 0, minimumPerSecond: 1, window: .seconds(10)), clock: clock)
  }

  @Test func `A value that was to be repeated stands if the task is cancelled, and costs no budget`()
    async throws
  {
    let clock = SkippingClock().policyClock
    let retry = try Retry(name: "peer", budget: self.budget(clock), clock: clock)
    let task = Task {
      try await retry.run(
        judge: { _ in
          withUnsafeCurrentTask { $0?.cancel() }
          return .retry()
        },
        operation: { $0.number }
      )
    }
    #expect(try await task.value == 1)
    #expect(retry.stats.retries == 0 && retry.stats.cancelled == 0 && retry.stats.budget?.withdrawn == 0)
  }

  @Test func `A retry whose caller went away during the sleep is paid back, and not counted`() async throws {
    let clock = VirtualClock()
    let retry = try Retry(name: "peer", budget: self.budget(clock.policyClock), clock: clock.policyClock)
    let task = Task {
      try await retry.run { (_) throws(Broken) in throw Broken() }
    }
    await clock.waitForSleepers()
    #expect(retry.stats.budget?.available == 9)
    task.cancel()
    await #expect(throws: PolicyError<Broken>.cancelled) { try await task.value }
    #expect(retry.stats.retries == 0 && retry.stats.cancelled == 1)
    #expect(retry.stats.budget?.available == 10 && retry.stats.budget?.withdrawn == 0)
  }

  @Test(arguments: [(Duration.seconds(10), 10), (.seconds(3), 10)])
  func `What is paid back when it counts no longer makes no second retry of one`(
    pause: Duration,
    available: Int
  ) async throws {
    let clock = VirtualClock()
    let budget = try self.budget(clock.policyClock)
    let retry = try Retry(name: "peer", budget: budget, clock: clock.policyClock)
    let task = Task {
      try await retry.run(classify: { _ in .retry(after: .seconds(20)) }) { (_) throws(Broken) in
        throw Broken()
      }
    }
    await clock.waitForSleepers()
    clock.advance(by: pause)
    task.cancel()
    await #expect(throws: PolicyError<Broken>.cancelled) { try await task.value }
    #expect(budget.stats.available == available)
    #expect((0..<20).count { _ in budget.withdraw() } == available)
  }

  @Test func `A retry that a new account did not pay for is not paid back to it`() async throws {
    let clock = VirtualClock()
    let budget = try self.budget(clock.policyClock)
    let retry = try Retry(name: "peer", budget: budget, clock: clock.policyClock)
    let task = Task {
      try await retry.run { (_) throws(Broken) in throw Broken() }
    }
    await clock.waitForSleepers()
    try budget.reconfigure(.ratio(ofRequests: 0, minimumPerSecond: 2, window: .seconds(10)))
    task.cancel()
    await #expect(throws: PolicyError<Broken>.cancelled) { try await task.value }
    #expect(budget.stats.available == 20)
  }

  @Test func `A sleep that wakes late is followed by no attempt after the deadline`() async throws {
    let clock = VirtualClock()
    let budget = try self.budget(clock.policyClock)
    let options = RetryOptions(backoff: .constant(.seconds(1)))
    let retry = try Retry(name: "peer", options: options, budget: budget, clock: clock.policyClock)
    let stream = retry.events.stream()
    let deadline = clock.policyClock.now.advanced(by: .seconds(2))
    let task = Task {
      try await retry.run(deadline: deadline) { (attempt) throws(Broken) in
        throw Broken(number: attempt.number)
      }
    }
    await clock.waitForSleepers()
    clock.advance(by: .seconds(2))
    await #expect(throws: PolicyError<Broken>.operation(Broken(number: 1))) { try await task.value }
    #expect(retry.stats.gaveUpDeadline == 1 && retry.stats.retries == 0 && budget.stats.withdrawn == 0)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .retrying(attempt: 1, delay: .seconds(1)))
    #expect(await events.next()?.occurrence == .gaveUp(attempt: 1, .deadline))
  }

  @Test func `A callee that asks for no more has not used up the attempts`() async throws {
    let retry = try Retry(name: "peer", clock: SkippingClock().policyClock)
    for limit in [1, 4] {
      try retry.reconfigure(RetryOptions(maximumAttempts: limit))
      _ = try? await retry.run(classify: { _ in .retry(after: .seconds(-1)) }) { (_) throws(Broken) in
        throw Broken()
      }
    }
    #expect(retry.stats.exhausted == 0 && retry.stats.retries == 0)
  }
}
