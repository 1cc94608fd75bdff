import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

/// Refusals of callers who would wait, where no wait helps. The lock is taken throughout, so that whoever wanted it
/// would not come back.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterRefusalTests {
  private final class Answer: Sendable {
    let turn = Mutex<RateLimiter.Turn?>(nil)
  }

  private let clock = VirtualClock()

  /// What a caller is told while another holds the limiter's lock.
  private func refusal(
    queueLimit: Int,
    maximumWait: Duration = .seconds(10),
    within wait: Int64 = .max,
    until deadline: Int64 = .max
  ) throws -> RateLimiter.Turn? {
    let options = RateLimiterOptions(rate: 1, burst: 1, queueLimit: queueLimit, maximumWait: maximumWait)
    let limiter = try RateLimiter(name: "votes", options: RateLimiterOptions(), clock: self.clock.policyClock)
    try limiter.reconfigure(options)
    limiter.drain()
    let answer = Answer()
    limiter.queue.withLock { _ in
      _ = Task.immediate {
        let turn = await limiter.turn(1, within: wait, until: deadline)
        answer.turn.withLock { $0 = turn }
      }
    }
    #expect(limiter.stats.refused == 1)
    return answer.turn.withLock { $0 }
  }

  @Test func `Where nobody may wait, a refusal takes no lock`() throws {
    #expect(try self.refusal(queueLimit: 0) == .refused(Refusal(.rateLimited, retryAfter: 1_000_000_000)))
  }

  @Test func `Nor does one whose wait would be longer than the settings allow`() throws {
    let turn = try self.refusal(queueLimit: 5, maximumWait: .milliseconds(999))
    #expect(turn == .refused(Refusal(.rateLimited, retryAfter: 1_000_000_000)))
  }

  @Test func `Nor one whose wait would be longer than the caller allows`() throws {
    let now = self.clock.policyClock.nanoseconds
    let late = RateLimiter.Turn.refused(Refusal(.deadline, retryAfter: 1_000_000_000))
    #expect(try self.refusal(queueLimit: 5, within: 999_999_999) == late)
    #expect(try self.refusal(queueLimit: 5, until: now + 999_999_999) == late)
  }
}
