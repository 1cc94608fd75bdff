import Bulwark
import BulwarkResilience
import ConsensusService

/// A bulkhead has so many calls run, so many wait, and refuses the rest.
struct BulkheadScene: Scene {
  let title = "concurrent tasks and bulkhead"
  let setting =
    "VerifyBlock takes 300 ms. Server: 50 run at once, 20 wait; 100 come at once"

  private static let calls = 100
  private static let places = 50
  private static let queue = 20
  private static let method = ConsensusServiceMethods.verifyBlock

  func play(on screen: Screen) async throws -> [Promise] {
    let policies = PolicySet {
      Calls(to: Self.method).bulkhead(Self.places, queue: Self.queue, as: "block_verification", at: .server)
    }
    return try await Stage.withRunning(server: policies) { stage in
      try stage.faults.set([FaultSetting("VerifyBlock:latency=300ms,hash=20")])
      async let waiting = self.mostWaiting(stage.serverManager)
      var strip = Strip(on: screen)
      let tally = await together(Self.calls, each: { strip.add($0.outcome) }, stage.verifyBlock)
      strip.end()
      return self.promises(tally, running: stage.running.most, waiting: try await waiting)
    }
  }

  /// The most calls that were seen waiting, until those that were admitted are through.
  private func mostWaiting(_ manager: ResilienceManager) async throws -> Int {
    var most = 0
    for _ in 0..<60 {
      try await Task.sleep(for: .milliseconds(5))
      most = max(most, manager.stats.bulkheads["block_verification"]?.waiting ?? 0)
    }
    return most
  }

  private func promises(_ tally: Tally, running: Int, waiting: Int) -> [Promise] {
    let refused = tally.records.filter { $0.outcome == .bulkheadFull }
    let longest = refused.map(\.duration).percentile(1)
    let answered = tally.durations(.answered)
    return [
      Promise("50 run at once, and never more", seen: running, expected: Self.places),
      Promise("20 wait for a place", seen: waiting, expected: Self.queue),
      Promise(
        "30 are refused at once, RESOURCE_EXHAUSTED",
        seen: "\(refused.count), the last after \(longest.wholeMilliseconds)",
        isKept: refused.count == Self.calls - Self.places - Self.queue
          && refused.allSatisfy { $0.code == .resourceExhausted } && longest < .milliseconds(300)
      ),
      Promise(
        "the other 70 are answered, in two turns of 300 ms",
        seen: "\(answered.count), from \((answered.min() ?? .zero).wholeMilliseconds)"
          + " to \((answered.max() ?? .zero).wholeMilliseconds)",
        isKept: answered.count == Self.places + Self.queue && answered.allSatisfy { $0 >= .milliseconds(300) }
          && answered.contains { $0 >= .milliseconds(600) }
      ),
    ]
  }
}
