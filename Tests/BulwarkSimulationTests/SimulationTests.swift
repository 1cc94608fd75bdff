import BulwarkCore
import BulwarkTestKit
import Foundation
import Testing

/// Thousands of runs of a client and a server, each different and each repeatable.
///
/// A failure names its seed: `BULWARK_SEED=17 swift test --filter SimulationTests` runs that one alone, and
/// `BULWARK_SEEDS=10000` as many in each weather.
@Suite struct SimulationTests {
  private static let blockCount: UInt64 = 8
  private static let chosenSeed = Self.number("BULWARK_SEED")
  private static let seedsPerBlock = (Self.number("BULWARK_SEEDS") ?? 480) / Self.blockCount

  private static func number(_ variable: String) -> UInt64? {
    ProcessInfo.processInfo.environment[variable].flatMap { UInt64($0) }
  }

  private static func seeds(_ block: UInt64) -> [UInt64] {
    if let chosen = self.chosenSeed { return block == 0 ? [chosen] : [] }
    return Array(block * self.seedsPerBlock..<(block + 1) * self.seedsPerBlock)
  }

  @Test(arguments: Weather.allCases, 0..<blockCount)
  func everyCallEndsOnceAndNothingIsLostOrInvented(weather: Weather, block: UInt64) {
    var codes: [StatusCode: Int] = [:]
    let seeds = Self.seeds(block)
    for seed in seeds {
      let simulation = Simulation(Scenario(seed: seed, weather: weather))
      simulation.run()
      codes.merge(simulation.codes) { $0 + $1 }
      if !simulation.faults.isEmpty {
        Issue.record("BULWARK_SEED=\(seed) (\(weather)): \(simulation.faults.joined(separator: "; "))")
      }
    }
    // A simulation in which nothing goes wrong, or nothing well, shows little.
    if seeds.count >= 50 {
      #expect(codes[.ok, default: 0] > seeds.count / 4)
      if weather != .calm {
        #expect([.cancelled, .deadlineExceeded, .unavailable].allSatisfy { codes[$0] != nil })
      }
    }
  }

  @Test(arguments: Weather.allCases)
  func aSeedGivesTheSameRunTwice(weather: Weather) {
    for seed in Self.chosenSeed.map({ [$0] }) ?? Array(9_000..<9_030) {
      let first = Simulation(Scenario(seed: seed, weather: weather))
      let second = Simulation(Scenario(seed: seed, weather: weather))
      first.run()
      second.run()
      #expect(first.pair.trace == second.pair.trace)
    }
  }

  @Test func differentSeedsGiveDifferentRuns() {
    let traces = (0..<50 as Range<UInt64>).map { seed in
      let simulation = Simulation(Scenario(seed: seed, weather: .rough))
      simulation.run()
      return simulation.pair.trace
    }
    #expect(Set(traces).count == 50)
  }
}
