import Bulwark
import BulwarkResilience
import ConsensusService

/// All policies around one method, through good times and bad.
struct FullProtectionScene: Scene {
  let title = "full protection"
  let setting =
    "SubmitVote, client: 3 attempts, breaker 30 % for 400 ms, 50 + 200/s, 10 run and 10 wait"

  private static let method = ConsensusServiceMethods.submitVote
  private static let rate = 200.0
  private static let burst = 50

  /// A stretch of the scene.
  private struct Phase {
    let name: String
    let tally: Tally
    let duration: Duration

    /// How many attempts came to the server.
    let attempts: Int

    /// How many of them ran there at once at most.
    let running: Int
  }

  private struct Phases {
    let quiet, rush, crowd, faults, healed: Phase

    /// How often the circuit opened during the faults.
    let openings: Int
  }

  private static let policies = PolicySet {
    Calls(to: Self.method)
      .timeout(.seconds(1))
      .retry(attempts: 3, initialBackoff: .milliseconds(10))
      .circuitBreaker(failureThreshold: 0.3, minimumCalls: 10, breakDuration: .milliseconds(400))
      .with {
        $0.circuitBreaker?.window = .seconds(1)
        $0.circuitBreaker?.successThreshold = 1
      }
      .rateLimit(Self.rate, burst: Self.burst)
      .bulkhead(10, queue: 10)
  }

  func play(on screen: Screen) async throws -> [Promise] {
    try await Stage.withRunning(client: Self.policies) { stage in
      let steady: @Sendable () async -> Tally = {
        await paced(100, every: .milliseconds(10), stage.submitVote)
      }
      let quiet = await self.phase("quiet, 100 calls/s", stage, steady)
      let rush = await self.phase("500 calls/s", stage) {
        await paced(250, every: .milliseconds(2), stage.submitVote)
      }
      try stage.faults.set([FaultSetting("SubmitVote:latency=100ms")])
      try await Task.sleep(for: .milliseconds(200))
      let crowd = await self.phase("40 at once", stage) { await together(40, stage.submitVote) }
      try stage.faults.set([FaultSetting("SubmitVote:fail=0.8,latency=5ms")])
      let openingsBefore = self.openings(stage)
      let faults = await self.phase("80 % fail", stage, steady)
      let openings = self.openings(stage) - openingsBefore
      stage.faults.clearAll()
      let healed = await self.phase("healed", stage, steady)
      let phases = Phases(
        quiet: quiet,
        rush: rush,
        crowd: crowd,
        faults: faults,
        healed: healed,
        openings: openings
      )
      self.show([quiet, rush, crowd, faults, healed], on: screen)
      return self.promises(phases)
    }
  }

  private func phase(_ name: String, _ stage: Stage, _ calls: () async -> Tally) async -> Phase {
    stage.running.reset()
    let before = stage.arrived(Self.method.descriptor)
    let start = ContinuousClock.now
    let tally = await calls()
    let duration = start.duration(to: .now)
    return Phase(
      name: name,
      tally: tally,
      duration: duration,
      attempts: stage.arrived(Self.method.descriptor) - before,
      running: stage.running.most
    )
  }

  private func openings(_ stage: Stage) -> Int {
    stage.clientManager.stats.circuitBreakers.values.reduce(0) { $0 + Int($1.totals.openings) }
  }

  private func show(_ phases: [Phase], on screen: Screen) {
    var table = Table(
      "phase",
      "calls",
      "answered",
      "failed",
      "circuit",
      "rate",
      "bulkhead",
      "attempts",
      "p99"
    )
    for phase in phases {
      table.add(
        [phase.name, "\(phase.tally.total)"] + CallOutcome.allCases.map { "\(phase.tally.count($0))" }
          + ["\(phase.attempts)", phase.tally.durations(.answered).percentile(0.99).milliseconds]
      )
    }
    for line in table.lines { screen.line("     " + line) }
  }

  private func promises(_ phases: Phases) -> [Promise] {
    let (quiet, rush, crowd, faults) = (phases.quiet, phases.rush, phases.crowd, phases.faults)
    let permits = Self.burst + Int(Self.rate * (rush.duration / .seconds(1)))
    let last = phases.healed.tally.records.suffix(20).count { $0.outcome == .answered }
    return [
      Promise(
        "quiet: all are answered, at the first attempt",
        seen: "\(quiet.tally.count(.answered)) answered, \(quiet.attempts) attempts",
        isKept: quiet.tally.count(.answered) == quiet.tally.total && quiet.attempts == quiet.tally.total
      ),
      Promise(
        "500/s: no more pass than 50 and 200 per second",
        seen: "\(rush.attempts) of \(permits)",
        isKept: rush.attempts <= permits
      ),
      Promise(
        "40 at once: 10 run, 10 wait, 20 are refused",
        seen: "\(crowd.running) ran, \(crowd.tally.count(.answered) - crowd.running) waited, "
          + "\(crowd.tally.count(.bulkheadFull)) refused",
        isKept: crowd.running == 10 && crowd.tally.count(.answered) == 20
          && crowd.tally.count(.bulkheadFull) == 20
      ),
      Promise(
        "faults: the circuit opens and spares the server",
        seen: "opened \(phases.openings)x, \(faults.attempts) attempts",
        isKept: phases.openings >= 1 && faults.tally.count(.circuitBlocked) > 0
      ),
      Promise("healed: the last 20 calls are answered", seen: last, expected: 20),
    ]
  }
}
