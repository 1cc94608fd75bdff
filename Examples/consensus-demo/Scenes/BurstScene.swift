import Bulwark
import BulwarkResilience
import ConsensusService

/// A rate limiter lets its burst through, refuses the rest with a time to come back, and fills up again.
struct BurstScene: Scene {
  let title = "burst and rate limiter"
  let setting = "ProposeBlock at the server: bursts of 100, then 10 per second"

  private static let burst = 100
  private static let interval = Duration.milliseconds(100)
  private static let first = 150
  private static let second = 30

  /// Calls at once, and when.
  private struct Wave {
    let tally: Tally
    let start: ContinuousClock.Instant
    let end: ContinuousClock.Instant
  }

  func play(on screen: Screen) async throws -> [Promise] {
    let policies = PolicySet {
      Calls(to: ConsensusServiceMethods.proposeBlock)
        .rateLimit(10, burst: Self.burst, as: "block_proposals", at: .server)
    }
    let (waves, arrived) = try await Stage.withRunning(server: policies) { stage in
      let first = await self.wave(of: Self.first, stage, screen)
      // A little more than a second, so that the tenth permit has come and the eleventh has not.
      try await Task.sleep(until: first.start.advanced(by: .milliseconds(1_040)))
      screen.line("   a second later, \(Self.second) more:")
      let second = await self.wave(of: Self.second, stage, screen)
      return ([first, second], stage.arrived(ConsensusServiceMethods.proposeBlock.descriptor))
    }
    return self.promises(waves[0], waves[1], arrived)
  }

  private func wave(of calls: Int, _ stage: Stage, _ screen: Screen) async -> Wave {
    var strip = Strip(on: screen)
    let start = ContinuousClock.now
    let tally = await together(calls, each: { strip.add($0.outcome) }, stage.proposeBlock)
    let end = ContinuousClock.now
    strip.end()
    return Wave(tally: tally, start: start, end: end)
  }

  private func promises(_ first: Wave, _ second: Wave, _ arrived: Int) -> [Promise] {
    let passed = (first.tally.count(.answered), second.tally.count(.answered))
    let refused = first.tally.records.filter { $0.outcome == .rateLimited }
    let pushbacks = refused.compactMap(\.pushback)
    let (soonest, latest) = (pushbacks.min() ?? .zero, pushbacks.max() ?? .zero)
    let duration = first.start.duration(to: first.end)
    // The clock of the limiter starts at the first call, which came somewhere in the first wave.
    let allowed = (
      first: Self.burst...Self.burst + Int(duration / Self.interval),
      both: Self.burst + Int(first.end.duration(to: second.start) / Self.interval)...Self.burst
        + Int(first.start.duration(to: second.end) / Self.interval)
    )
    return [
      Promise(
        "of \(Self.first) at once \(Self.burst) pass, and 50 do not",
        seen: "\(passed.0) and \(refused.count), in \(duration.wholeMilliseconds)",
        isKept: allowed.first.contains(passed.0) && refused.count == Self.first - passed.0
      ),
      Promise(
        "refused: RESOURCE_EXHAUSTED, when to come back",
        seen: "\(pushbacks.count) told \(soonest.wholeMilliseconds) to \(latest.wholeMilliseconds)",
        isKept: refused.allSatisfy { $0.code == .resourceExhausted } && pushbacks.count == refused.count
          && soonest > .zero && latest <= Self.interval
      ),
      Promise(
        "a second later 10 more pass",
        seen: second.tally.text,
        isKept: allowed.both.contains(passed.0 + passed.1)
          && second.tally.count(.rateLimited) == Self.second - passed.1
      ),
      Promise(
        "a refused call never reaches a handler",
        seen: "\(arrived) handled",
        isKept: arrived == passed.0 + passed.1
      ),
    ]
  }
}
