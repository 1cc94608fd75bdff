import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BackoffTests {
  private func delays(_ backoff: Backoff, _ count: Int, seed: UInt64 = 1) -> [Duration] {
    var generator = SeededGenerator(seed: seed)
    var previous: Duration?
    return (1...count).map { number in
      let delay = backoff.delay(number, after: previous, using: &generator)
      previous = delay
      return delay
    }
  }

  @Test func `An exponential backoff multiplies up to its maximum`() {
    let backoff = Backoff(maximum: .milliseconds(500), jitter: .none)
    #expect(self.delays(backoff, 5) == [100, 200, 400, 500, 500].map { .milliseconds($0) })
  }

  @Test func `A linear backoff adds, a constant one stays`() {
    let linear = Backoff(growth: .linear, jitter: .none)
    #expect(self.delays(linear, 3) == [100, 200, 300].map { .milliseconds($0) })
    #expect(self.delays(.constant(.seconds(2)), 3) == [.seconds(2), .seconds(2), .seconds(2)])
  }

  @Test func `No number is too large for it`() {
    var generator = SeededGenerator(seed: 1)
    let backoff = Backoff(growth: .exponential(multiplier: 1000), maximum: .seconds(60), jitter: .full)
    #expect(backoff.delay(.max, using: &generator) <= .seconds(60))
    #expect(backoff.delay(.min, using: &generator) <= .milliseconds(100))
    let linear = Backoff(growth: .linear, maximum: .seconds(60), jitter: .none)
    #expect(linear.delay(.max, using: &generator) == .seconds(60))
  }

  @Test(arguments: [
    (Jitter.ratio(0.25), 300...500), (.full, 0...400), (.equal, 200...400), (.none, 400...400),
  ])
  func `Jitter stays within its bounds and reaches both ends`(jitter: Jitter, bounds: ClosedRange<Int>) {
    var generator = SeededGenerator(seed: 7)
    let backoff = Backoff(jitter: jitter)
    let drawn = (0..<2000).map { _ in backoff.delay(3, using: &generator) }
    let low = Duration.milliseconds(bounds.lowerBound)
    let high = Duration.milliseconds(bounds.upperBound)
    let margin = (high - low) / 20
    #expect(drawn.allSatisfy { low <= $0 && $0 <= high })
    #expect(drawn.contains { $0 <= low + margin })
    #expect(drawn.contains { $0 >= high - margin })
  }

  @Test func `Decorrelated jitter grows from the delay before, up to the maximum`() {
    let backoff = Backoff(maximum: .seconds(2), jitter: .decorrelated)
    for seed in 0..<200 as Range<UInt64> {
      var previous = Duration.milliseconds(100)
      for delay in self.delays(backoff, 20, seed: seed) {
        #expect(delay >= .milliseconds(100) && delay <= min(previous * 3, .seconds(2)), "seed \(seed)")
        previous = delay
      }
    }
  }

  /// Clamping what was drawn would have half of all callers at the maximum come back in the same nanosecond.
  @Test(arguments: [Jitter.ratio(0.25), .full, .equal, .decorrelated])
  func `At the maximum callers still come back apart`(jitter: Jitter) {
    let backoff = Backoff(maximum: .seconds(1), jitter: jitter)
    let last = (0..<1000 as Range<UInt64>).map { self.delays(backoff, 20, seed: $0)[19] }
    #expect(Set(last).count > 990)
    #expect(last.allSatisfy { $0 <= .seconds(1) })
  }

  @Test func `The same seed gives the same delays`() {
    #expect(self.delays(Backoff(), 10, seed: 3) == self.delays(Backoff(), 10, seed: 3))
    #expect(self.delays(Backoff(), 10, seed: 3) != self.delays(Backoff(), 10, seed: 4))
  }

  @Test(arguments: [
    (Backoff(base: .seconds(-1)), "backoff.base"),
    (Backoff(base: .seconds(2), maximum: .seconds(1)), "backoff.maximum"),
    (Backoff(growth: .exponential(multiplier: .nan)), "backoff.multiplier"),
    (Backoff(growth: .exponential(multiplier: 0.5)), "backoff.multiplier"),
    (Backoff(growth: .exponential(multiplier: .infinity)), "backoff.multiplier"),
    (Backoff(jitter: .ratio(1.5)), "backoff.jitter"),
    (Backoff(jitter: .ratio(.nan)), "backoff.jitter"),
    (Backoff(maximum: Duration(secondsComponent: .max, attosecondsComponent: 0)), "backoff.maximum"),
  ])
  func `Each bad value is refused by its name`(backoff: Backoff, field: String) {
    let error = #expect(throws: InvalidOption.self) { try backoff.validate() }
    #expect(error?.field == field)
  }

  @Test func `A backoff that was not validated does not trap either`() {
    var generator = SeededGenerator(seed: 1)
    for base in [Duration.seconds(-5), .zero, Duration(secondsComponent: .max, attosecondsComponent: 0)] {
      for multiplier in [Double.nan, -1, 0, .infinity, 1e300] {
        for jitter in [Jitter.none, .ratio(.nan), .ratio(-4), .ratio(1e300), .full, .equal, .decorrelated] {
          let backoff = Backoff(base: base, growth: .exponential(multiplier: multiplier), jitter: jitter)
          #expect(backoff.delay(5, after: .seconds(-1), using: &generator) <= .seconds(30))
        }
      }
    }
  }
}
