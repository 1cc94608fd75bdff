import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// Random histories, judged by what passed alone.
@Suite struct RateLimiterModelTests {
  /// Seeds that failed once.
  private static let regressionSeeds: [UInt64] = []
  private static let seeds = Self.regressionSeeds + Array(0..<2_000)

  private struct Taken {
    var cells: Int64
    var instant: Int64
  }

  private struct Settings {
    var rate: Double
    var burst: Int

    init(_ random: inout SeededGenerator, exponents: ClosedRange<Double> = -6...30) {
      self.rate = exp2(Double.random(in: exponents, using: &random))
      self.burst = random.oneIn(4) ? 1 : Int.random(in: 1...200, using: &random)
    }

    /// A step in time that matters at this rate.
    func step(_ random: inout SeededGenerator) -> Int64 {
      Int64(1e9 / self.rate * Double.random(in: 0...3, using: &random))
        + Int64.random(in: 0...2, using: &random)
    }
  }

  @Test func `No window lets more than the burst and what came back through, whatever is rolled back`() {
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      let settings = Settings(&random)
      let machine = RateLimiterMachine(rate: settings.rate, burst: settings.burst, anchor: 0)
      var (tat, now): (Int64, Int64) = (0, 0)
      var log = AdmissionLog()
      var outstanding: [Taken] = []
      for _ in 0..<100 {
        if random.oneIn(3) { now += settings.step(&random) }
        if random.oneIn(40) { now += settings.step(&random) * Int64(settings.burst) }
        let cells = random.oneIn(3) ? Int64.random(in: 1...Int64(settings.burst), using: &random) : 1
        if random.oneIn(4), let taken = outstanding.popLast() {
          tat = machine.refund(taken.cells, taken: taken.instant, tat: tat, at: now)
          log.remove(taken.cells, at: taken.instant)
        } else if case .admit(let next) = machine.take(cells, tat: tat, at: now) {
          tat = next
          log.add(cells, at: now)
          outstanding.insert(
            Taken(cells: cells, instant: now),
            at: Int.random(in: 0...outstanding.count, using: &random)
          )
        }
      }
      #expect(log.excess(rate: settings.rate, burst: settings.burst) == 0, "seed \(seed)")
    }
  }

  @Test func `Nor on a clock that jumps, backwards too`() {
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      let settings = Settings(&random)
      let machine = RateLimiterMachine(rate: settings.rate, burst: settings.burst, anchor: 0)
      var (tat, now): (Int64, Int64) = (0, 0)
      var log = AdmissionLog()
      for _ in 0..<100 {
        now += settings.step(&random)
        if random.oneIn(10) { now -= settings.step(&random) * Int64.random(in: 1...50, using: &random) }
        if random.oneIn(10) { now += settings.step(&random) * Int64.random(in: 1...50, using: &random) }
        if case .admit(let next) = machine.take(1, tat: tat, at: now) {
          tat = next
          log.add(1, at: now)
        }
      }
      #expect(log.excess(rate: settings.rate, burst: settings.burst) == 0, "seed \(seed)")
    }
  }

  @Test func `Nor when several stripes spend leases beside single calls`() {
    var leases = 0
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      let rate = exp2(Double.random(in: 0...30, using: &random))
      let burst = Int.random(in: 32...400, using: &random)
      let machine = RateLimiterMachine(rate: rate, burst: burst, anchor: 0)
      let stripes: [4 of RateLimiterStripe] = InlineArray { _ in RateLimiterStripe() }
      var (tat, now): (Int64, Int64) = (0, 0)
      var log = AdmissionLog()
      for _ in 0..<150 {
        if random.oneIn(2) { now += Int64.random(in: 0...2_000, using: &random) }
        if random.oneIn(20) { now += Int64.random(in: 0...30_000, using: &random) }
        if random.oneIn(60) { now += Int64(1e9 / rate * Double(burst)) }
        let index = Int.random(in: 0..<4, using: &random)
        let cells = Int64.random(in: 1...3, using: &random)
        if stripes[index].spend(cells, sinceEpoch: now) {
          log.add(cells, at: now)
        } else if random.oneIn(2), let lease = machine.lease(cells, tat: tat, at: now) {
          tat = lease.tat
          stripes[index].put(lease.cells - cells, untilSinceEpoch: lease.expiry)
          log.add(cells, at: now)
          leases += 1
        } else if case .admit(let next) = machine.take(cells, tat: tat, at: now) {
          tat = next
          log.add(cells, at: now)
        }
      }
      #expect(log.excess(rate: rate, burst: burst) == 0, "seed \(seed)")
    }
    #expect(leases > 10_000)
  }

  @Test func `Changes of settings neither forgive a debt nor make one`() {
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      var settings = Settings(&random, exponents: -6...20)
      var machine = RateLimiterMachine(rate: settings.rate, burst: settings.burst, anchor: 0)
      var (tat, now): (Int64, Int64) = (0, 0)
      // The debt in cells, after a naive bucket that knows nothing of positions.
      var level = 0.0
      var last = now
      // A nanosecond at each of the rates, and the naive bucket's own rounding.
      var slack = settings.rate / 1e9 + 1e-4
      for _ in 0..<100 {
        now += settings.step(&random)
        level = max(0, level - settings.rate / 1e9 * Double(now - last))
        last = now
        if random.oneIn(10) {
          settings = Settings(&random, exponents: -6...20)
          slack += settings.rate / 1e9
          (machine, tat) = machine.reconfigured(rate: settings.rate, burst: settings.burst, tat: tat, at: now)
        }
        switch machine.take(1, tat: tat, at: now) {
        case .admit(let next):
          tat = next
          level += 1
          if level > Double(settings.burst) + slack { Issue.record("too many, seed \(seed)") }
        case .refuse:
          if level + 1 <= Double(settings.burst) - slack { Issue.record("too few, seed \(seed)") }
        }
      }
    }
  }

  @Test func `Decisions are those of the textbook's bucket in exact numbers, to the nanosecond`() {
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      let rate = Int64.random(in: 1...2_000_000, using: &random)
      let burst = Int64.random(in: 1...100, using: &random)
      let machine = RateLimiterMachine(rate: Double(rate), burst: Int(burst), anchor: 0)
      // Time in nanoseconds times the rate: then T is 10^9, and everything is whole.
      let period = Int128(1_000_000_000)
      let nanosecond = Int128(rate)
      var arrival = Int128(0)
      var (tat, now): (Int64, Int64) = (0, 0)
      for _ in 0..<100 {
        now += Int64(1e9 / Double(rate) * Double.random(in: 0...2, using: &random))
        let cells = Int64.random(in: 1...burst, using: &random)
        let next = max(arrival, Int128(now) * nanosecond) + Int128(cells) * period
        let limit = Int128(now) * nanosecond + Int128(burst) * period
        switch machine.take(cells, tat: tat, at: now) {
        case .admit(let moved):
          if next > limit + nanosecond { Issue.record("too early, seed \(seed)") }
          (tat, arrival) = (moved, next)
        case .refuse:
          if next <= limit - nanosecond { Issue.record("too late, seed \(seed)") }
        }
      }
    }
  }
}

/// Two to the power of a number, without the C library.
private func exp2(_ exponent: Double) -> Double {
  let whole = exponent.rounded(.down)
  return Double(sign: .plus, exponent: Int(whole), significand: 1 + (exponent - whole))
}
