import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// Random histories beside naive references: lists that are summed up anew each time.
@Suite struct RetryModelTests {
  private static let regressionSeeds: [UInt64] = []
  private static let seeds = regressionSeeds + (0..<2000)

  /// What the ratio form means, said with lists.
  private struct NaiveBudget {
    let ratio: Double
    let floor: Double
    let width: Int64
    var requests: [Int64] = []
    var withdrawals: [Int64] = []

    private func count(_ instants: [Int64], at now: Int64) -> Int {
      instants.count { now / self.width - $0 / self.width < 8 }
    }

    mutating func withdraw(at now: Int64) -> Bool {
      let earned = self.floor + self.ratio * Double(self.count(self.requests, at: now))
      guard earned - Double(self.count(self.withdrawals, at: now)) >= 1 - 1e-9 else { return false }
      self.withdrawals.append(now)
      return true
    }
  }

  @Test func `A ratio budget answers as its definition does`() throws {
    for seed in Self.seeds {
      var generator = SeededGenerator(seed: seed)
      let ratio = Double(Int.random(in: 0...20, using: &generator)) / 10
      let perSecond = Double(Int.random(in: 0...5, using: &generator)) / 10
      let clock = SkippingClock()
      let options = RetryBudgetOptions.ratio(
        ofRequests: ratio,
        minimumPerSecond: perSecond,
        window: .seconds(10)
      )
      let budget = try RetryBudget(options, clock: clock.policyClock)
      var naive = NaiveBudget(ratio: ratio, floor: perSecond * 10, width: 1_250_000_000)
      for step in 0..<80 {
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: clock.advance(by: .random(in: 0..<1_500_000_000, using: &generator))
        case 1, 2:
          budget.recordRequest()
          naive.requests.append(clock.now)
        default:
          let (answer, expected) = (budget.withdraw(), naive.withdraw(at: clock.now))
          guard answer == expected else { Issue.record("seed \(seed), step \(step): \(answer)"); return }
        }
        if generator.oneIn(40) { clock.advance(by: .random(in: 0..<30_000_000_000, using: &generator)) }
      }
    }
  }

  /// One peer's behaviour, drawn anew for each operation.
  private struct Peer {
    var generator: SeededGenerator
    let clock: SkippingClock
    var starts: [Int64] = []

    mutating func answer(_ attempt: Attempt) throws(Broken) -> Int {
      self.starts.append(self.clock.now)
      let left = attempt.deadline.map { max($0.nanoseconds - self.clock.now, 0) } ?? .max
      self.clock.advance(by: min(.random(in: 0..<400_000_000, using: &self.generator), left))
      if self.generator.oneIn(4) { return attempt.number }
      throw Broken(number: Int.random(in: 0..<10, using: &self.generator))
    }
  }

  private func decision(on error: Broken) -> RetryDecision {
    switch error.number {
    case 0: .stop
    case 1: .retry(after: .milliseconds(-1))
    case 2: .retry(after: .milliseconds(700))
    case 3: .retry(after: .seconds(40))
    default: .retry()
    }
  }

  @Test func `Whatever a peer does, the attempts, the time and the budget are kept to`() async throws {
    for seed in Self.seeds {
      var generator = SeededGenerator(seed: seed)
      let clock = SkippingClock()
      let floor = Double(Int.random(in: 0...3, using: &generator)) / 10
      let budget = try RetryBudget(
        .ratio(ofRequests: 0.2, minimumPerSecond: floor, window: .seconds(10)),
        clock: clock.policyClock
      )
      let jitter: Jitter =
        [.none, .full, .equal, .decorrelated, .ratio(1)].randomElement(using: &generator) ?? .full
      let options = RetryOptions(
        maximumAttempts: .random(in: 1...8, using: &generator),
        backoff: Backoff(maximum: .seconds(2), jitter: jitter)
      )
      let random = RandomSource(generator.split())
      let retry = try Retry(
        name: "",
        options: options,
        budget: budget,
        clock: clock.policyClock,
        random: random
      )
      var peer = Peer(generator: generator.split(), clock: clock)
      var retries: [Int64] = []
      for operation in 0..<10 {
        let start = clock.now
        let deadline: Int64 =
          generator.oneIn(3) ? .max : start + .random(in: 0..<3_000_000_000, using: &generator)
        let reopening = generator.oneIn(3) ? start + .random(in: 0..<1_000_000_000, using: &generator) : 0
        peer.starts = []
        _ = try? await retry.run(
          deadline: deadline == .max ? nil : PolicyClock.Instant(nanoseconds: deadline),
          circuit: { $0.nanoseconds < reopening ? .nanoseconds(reopening - $0.nanoseconds) : nil },
          classify: { self.decision(on: $0) },
          operation: { attempt throws(Broken) in try peer.answer(attempt) }
        )
        let late = peer.starts.dropFirst()
        retries += late
        let isKept =
          peer.starts.count <= options.maximumAttempts && clock.now <= max(deadline, start)
          && late.allSatisfy { $0 < deadline && $0 >= reopening }
        guard isKept else { Issue.record("seed \(seed), operation \(operation)"); return }
      }
      // However the ten operations lie, the window never holds more than two of their retries beside the floor's.
      let isPaid = retries.allSatisfy { end in
        retries.count { $0 <= end && $0 > end - 8_750_000_000 } <= Int(2 + floor * 10)
      }
      guard isPaid, retry.stats.retries == retries.count, budget.stats.withdrawn == retries.count else {
        Issue.record("seed \(seed): \(retries.count) retries")
        return
      }
    }
  }

  @Test func `A storm of failing callers adds no more than the budget's share`() async throws {
    for seed in Self.seeds.prefix(50) {
      let clock = VirtualClock()
      let budget = try RetryBudget(
        .ratio(ofRequests: 0.2, minimumPerSecond: 1, window: .seconds(10)),
        clock: clock.policyClock
      )
      let random = RandomSource(SeededGenerator(seed: seed))
      let options = RetryOptions(maximumAttempts: 5, backoff: .constant(.zero))
      let retry = try Retry(
        name: "",
        options: options,
        budget: budget,
        clock: clock.policyClock,
        random: random
      )
      await withTaskGroup { group in
        for _ in 0..<100 {
          group.addTask { _ = try? await retry.run { (_) throws(Broken) -> Int in throw Broken() } }
        }
      }
      #expect(retry.stats.retries <= 30, "seed \(seed)")
      #expect(retry.stats.gaveUpBudgetExhausted > 0)
    }
  }
}
