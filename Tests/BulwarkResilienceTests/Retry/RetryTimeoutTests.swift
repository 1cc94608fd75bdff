import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RetryTimeoutTests {
  private let clock = VirtualClock()

  private func retry(_ options: RetryOptions) throws -> Retry {
    try Retry(name: "peer", options: options, clock: self.clock.policyClock)
  }

  /// Sleeps on a clock of its own, so that only cancellation ends it.
  private static func hang() async throws { try await VirtualClock().policyClock.sleep(for: .seconds(1)) }

  @Test func `An attempt that takes too long is cancelled, and made again`() async throws {
    let retry = try self.retry(RetryOptions(backoff: .constant(.zero), attemptTimeout: .seconds(2)))
    let stream = retry.events.stream()
    let task = Task {
      try await retry.run { attempt in
        if attempt.number == 1 { try await Self.hang() }
        return attempt.deadline
      }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(2))
    #expect(try await task.value == self.clock.policyClock.now.advanced(by: .seconds(2)))
    #expect(retry.stats.timedOutAttempts == 1 && retry.stats.recovered == 1)
    var events = stream.makeAsyncIterator()
    #expect(await events.next()?.occurrence == .timedOut(limit: .seconds(2)))
    #expect(await events.next()?.occurrence == .retrying(attempt: 1, delay: .zero))
  }

  @Test func `The total time cuts the last attempt off, and no other follows`() async throws {
    let retry = try self.retry(RetryOptions(totalTimeout: .seconds(3), attemptTimeout: .seconds(2)))
    let task = Task {
      try await retry.run(classify: { (_: any Error) in .retry(after: .zero) }) { attempt in
        try await Self.hang()
      }
    }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(2))
    // The delay between the attempts is drawn; it ends before the third second.
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(200))
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(1))
    let error = await #expect(throws: PolicyError<any Error>.self) { try await task.value }
    guard case .timedOut(let timedOut) = error else { return #expect(Bool(false), "\(error as Any)") }
    #expect(timedOut.policy == "peer" && timedOut.limit == .milliseconds(800))
    #expect(retry.stats.timedOutAttempts == 2 && retry.stats.gaveUpDeadline == 1)
  }

  @Test func `An attempt for which there is no time left is not made`() async throws {
    let retry = try self.retry(RetryOptions(attemptTimeout: .seconds(2)))
    let late = TimedOut(policy: "peer", limit: .zero)
    await #expect(throws: PolicyError<Never>.timedOut(late)) {
      try await retry.run(deadline: self.clock.policyClock.now) { _ in Issue.record("ran after its time") }
    }
    #expect(retry.stats.timedOutAttempts == 1)
  }

  @Test func `An attempt in time costs its answer nothing`() async throws {
    let retry = try self.retry(RetryOptions(totalTimeout: .seconds(3)))
    #expect(try await retry.run { $0.number } == 1)
    await #expect(throws: PolicyError<Broken>.operation(Broken())) {
      try await retry.run(classify: { _ in .stop }) { (_) throws(Broken) in throw Broken() }
    }
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `An attempt knows whether its own limit or the caller's time cuts it off`() async throws {
    let own = try self.retry(RetryOptions(totalTimeout: .seconds(3), attemptTimeout: .seconds(2)))
    #expect(try await own.run { $0.isCutByOwnLimit })
    let soon = self.clock.policyClock.now.advanced(by: .seconds(2))
    #expect(try await own.run(deadline: soon) { $0.isCutByOwnLimit } == false)
    let total = try self.retry(RetryOptions(totalTimeout: .seconds(3)))
    #expect(try await total.run { $0.isCutByOwnLimit } == false)
    #expect(try await self.retry(RetryOptions()).run { $0.isCutByOwnLimit } == false)
  }
}
