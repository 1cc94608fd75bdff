import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkBalancing

/// gRFC A50 once more, in whole numbers and from its text: which endpoints are left out after each interval?
private struct NaiveOutlierDetection {
  let successRate: SuccessRateEjection?
  let failurePercentage: FailurePercentageEjection?
  let maximumPercent: Int
  let base: Int
  let maximum: Int
  /// Since when, in seconds.
  var out: [UInt32: Int] = [:]
  var strikes: [UInt32: Int] = [:]

  /// - Parameter calls: of each endpoint how many went well and how many did not; those of enough calls have equally many.
  mutating func sweep(_ calls: [(id: UInt32, good: Int, bad: Int)], at second: Int) {
    if let rule = self.successRate {
      let judged = calls.filter { $0.good + $0.bad >= rule.requestVolume }
      if judged.count >= rule.minimumHosts {
        // r < S/n - f/1000 sqrt(Q/n - (S/n)^2), multiplied by n and squared.
        let n = judged.count
        let sum = judged.map(\.good).reduce(0, +)
        let spread = n * judged.map { $0.good * $0.good }.reduce(0, +) - sum * sum
        for call in judged {
          let below = sum - n * call.good
          let isOutlier =
            below > 0 && 1_000_000 * below * below > rule.stdevFactor * rule.stdevFactor * spread
          if isOutlier, rule.enforcementPercentage == 100 { self.eject(call.id, of: calls.count, at: second) }
        }
      }
    }
    if let rule = self.failurePercentage {
      let judged = calls.filter { $0.good + $0.bad >= rule.requestVolume }
      if judged.count >= rule.minimumHosts {
        for call in judged where 100 * call.bad > rule.threshold * (call.good + call.bad) {
          if rule.enforcementPercentage == 100 { self.eject(call.id, of: calls.count, at: second) }
        }
      }
    }
    for call in calls {
      let strikes = self.strikes[call.id] ?? 0
      if let since = self.out[call.id] {
        if second > since + min(self.base * strikes, max(self.base, self.maximum)) { self.out[call.id] = nil }
      } else if strikes > 0 {
        self.strikes[call.id] = strikes - 1
      }
    }
  }

  private mutating func eject(_ id: UInt32, of count: Int, at second: Int) {
    guard self.out[id] == nil, self.out.isEmpty || 100 * self.out.count < self.maximumPercent * count else {
      return
    }
    self.out[id] = second
    self.strikes[id, default: 0] += 1
  }
}

@Suite struct NaiveOutlierTests {
  private func options(using generator: inout SeededGenerator) -> OutlierDetectionOptions {
    OutlierDetectionOptions(
      baseEjectionTime: .seconds(Int.random(in: 0...40, using: &generator)),
      maximumEjectionTime: .seconds(Int.random(in: 0...100, using: &generator)),
      maximumEjectionPercent: Int.random(in: 0...100, using: &generator),
      successRate: generator.oneIn(4)
        ? nil
        : SuccessRateEjection(
          stdevFactor: Int.random(in: 0...2_500, using: &generator),
          enforcementPercentage: generator.oneIn(8) ? 0 : 100,
          minimumHosts: Int.random(in: 0...6, using: &generator)
        ),
      failurePercentage: generator.oneIn(4)
        ? nil
        : FailurePercentageEjection(
          threshold: Int.random(in: 0...100, using: &generator),
          enforcementPercentage: generator.oneIn(8) ? 0 : 100,
          minimumHosts: Int.random(in: 0...6, using: &generator)
        )
    )
  }

  @Test(arguments: 0..<400 as Range<UInt64>)
  func `The machine leaves out whom the text of A50 leaves out`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let options = self.options(using: &generator)
    var naive = NaiveOutlierDetection(
      successRate: options.successRate,
      failurePercentage: options.failurePercentage,
      maximumPercent: options.maximumEjectionPercent,
      base: Int(options.baseEjectionTime.components.seconds),
      maximum: Int(options.maximumEjectionTime.components.seconds)
    )
    let count = UInt32.random(in: 1...12, using: &generator)
    var machine = OutlierDetectionMachine(RoundRobinMachine(), options: options)
    let endpoints = (1...count).map { BalancedEndpoint(id: .number($0)) }
    _ = machine.update(endpoints, now: .init(nanoseconds: 0), random: 0)
    for sweep in 1...25 {
      let usual = Int.random(in: 0...120, using: &generator)
      let calls = (1...count).map { id -> (id: UInt32, good: Int, bad: Int) in
        let total = generator.oneIn(5) ? [0, 40, 60][Int.random(in: 0..<3, using: &generator)] : 120
        let bad = generator.oneIn(3) ? Int.random(in: 0...total, using: &generator) : min(usual, total)
        return (id, total - bad, bad)
      }
      let now = MonotonicInstant(nanoseconds: Int64(sweep) * 10_000_000_000)
      for call in calls {
        for _ in 0..<call.good {
          machine.callEnded(.number(call.id), CallReport(.success, latency: 1), now: now)
        }
        for _ in 0..<call.bad {
          machine.callEnded(.number(call.id), CallReport(.failure, latency: 1), now: now)
        }
      }
      _ = machine.timerFired(now: now, random: generator.next())
      naive.sweep(calls, at: sweep * 10)
      #expect(machine.ejected.map(\.rawValue) == naive.out.keys.sorted(), "seed \(seed), interval \(sweep)")
    }
  }
}
