import Bulwark
import BulwarkResilience
import ConsensusService

/// A circuit breaker opens, refuses without the network, and heals.
struct FlakyServiceScene: Scene {
  let title = "flaky service and circuit breaker"
  let setting =
    "SubmitVote fails at 80 %. Client: opens at 30 % failures of at least 10 calls, for 1 s"

  private static let refusals = 1_000
  private static let callsAfterwards = 20
  private static let method = ConsensusServiceMethods.submitVote

  /// What was noted on the way.
  private struct Notes {
    var opening = Tally()
    var refused = Tally()
    var arrivedAtOpening = 0
    var arrivedAfterRefusals = 0
    var openedAt = ContinuousClock.now
    var healedAfter = Duration.zero
    var afterwards = Tally()
  }

  func play(on screen: Screen) async throws -> [Promise] {
    let policies = PolicySet {
      Calls(to: Self.method)
        .circuitBreaker(failureThreshold: 0.3, minimumCalls: 10, breakDuration: .seconds(1))
        .with { $0.circuitBreaker?.successThreshold = 1 }
    }
    let notes = try await Stage.withRunning(client: policies) { stage in
      var notes = Notes()
      try await self.callUntilOpen(stage, &notes, screen)
      notes.refused = await self.callWhileOpen(stage)
      notes.arrivedAfterRefusals = stage.arrived(Self.method.descriptor)
      screen.line("   open: \(Self.refusals) more calls, \(notes.refused.text)")
      try stage.faults.clear([Self.method.descriptor.method])
      screen.line("   the fault is gone; a call every 50 ms finds out:")
      try await self.callUntilHealed(stage, &notes, screen)
      return notes
    }
    return self.promises(notes)
  }

  private func callUntilOpen(_ stage: Stage, _ notes: inout Notes, _ screen: Screen) async throws {
    try stage.faults.set([FaultSetting("SubmitVote:fail=0.8")])
    var strip = Strip(on: screen)
    while notes.opening.total < 200 {
      let record = await CallRecord.of(stage.submitVote)
      strip.add(record.outcome)
      if record.outcome == .circuitBlocked { break }
      notes.opening.add(record)
      notes.openedAt = .now
    }
    strip.end()
    notes.arrivedAtOpening = stage.arrived(Self.method.descriptor)
  }

  private func callWhileOpen(_ stage: Stage) async -> Tally {
    var tally = Tally()
    for _ in 0..<Self.refusals { tally.add(await CallRecord.of(stage.submitVote)) }
    return tally
  }

  private func callUntilHealed(_ stage: Stage, _ notes: inout Notes, _ screen: Screen) async throws {
    var strip = Strip(on: screen)
    var isHealed = false
    while !isHealed, notes.openedAt.duration(to: .now) < .seconds(5) {
      try await Task.sleep(for: .milliseconds(50))
      let record = await CallRecord.of(stage.submitVote)
      strip.add(record.outcome)
      isHealed = record.outcome == .answered
    }
    notes.healedAfter = notes.openedAt.duration(to: .now)
    for _ in 0..<Self.callsAfterwards {
      let record = await CallRecord.of(stage.submitVote)
      strip.add(record.outcome)
      notes.afterwards.add(record)
    }
    strip.end()
  }

  private func promises(_ notes: Notes) -> [Promise] {
    let (failed, calls) = (notes.opening.count(.failed), notes.opening.total)
    let refusal = notes.refused.durations(.circuitBlocked).percentile(0.5)
    return [
      Promise(
        "opens at 30 % failures of at least 10 calls",
        seen: "\(failed) of \(calls) failed",
        isKept: calls >= 10 && calls < 200 && Double(failed) >= 0.3 * Double(calls)
      ),
      Promise(
        "while open, no call reaches the server",
        seen: "its count: \(notes.arrivedAtOpening) before, \(notes.arrivedAfterRefusals) after",
        isKept: notes.arrivedAfterRefusals == notes.arrivedAtOpening
          && notes.refused.count(.circuitBlocked) == Self.refusals
      ),
      Promise(
        "a refusal is at once",
        seen: "\(refusal.microseconds) (median)",
        isKept: refusal < .milliseconds(1)
      ),
      Promise(
        "after a break of 1 s a probe passes",
        seen: "\(notes.healedAfter.seconds(digits: 2)) after it opened",
        isKept: (.milliseconds(990) ..< .seconds(3)).contains(notes.healedAfter)
      ),
      Promise(
        "the \(Self.callsAfterwards) calls after the probe are answered",
        seen: notes.afterwards.text,
        isKept: notes.afterwards.count(.answered) == Self.callsAfterwards
      ),
    ]
  }
}
