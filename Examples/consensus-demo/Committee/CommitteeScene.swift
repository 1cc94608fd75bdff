import Bulwark
import ConsensusService

/// A committee of four decides heights; half-way one node is lost, and the other three go on.
struct CommitteeScene: Scene {
  let heights: UInt64
  let lookIn: LookIn?

  let title = "committee of four"

  var setting: String {
    "\(self.heights) heights of propose, verify, vote, all to all; after height \(self.half) every call to node 3 fails"
  }

  private static let lost = 3

  private var half: UInt64 { self.heights / 2 }

  func play(on screen: Screen) async throws -> [Promise] {
    try await Committee.withRunning(size: 4) { committee in
      let (summary, arrived) = try await self.decideHeights(with: committee, on: screen)
      for line in summary.lines { screen.line("   " + line) }
      if let lookIn {
        screen.line("   a stock gRPC client in Python looks at node 0:")
        try await lookIn.run(target: committee.targets[0])
      }
      return self.promises(summary, arrived: arrived)
    }
  }

  private func decideHeights(with committee: Committee, on screen: Screen) async throws -> (Summary, Int) {
    async let observed = Observer(committee: committee, heights: self.heights).run()
    let progress = ProgressLine(total: self.heights, on: screen)
    let started = ContinuousClock.now
    let show = { progress.show($0, elapsed: started.duration(to: .now)) }
    let before = try await self.decide(1..<self.half + 1, with: committee, show)
    let faults = committee.members[Self.lost].faults
    let arrivedBefore = faults.arrived
    try faults.set([FaultSetting("*:fail=1")])
    let after = try await self.decide(
      self.half + 1..<self.heights + 1,
      with: committee,
      lost: Self.lost,
      show
    )
    let arrived = faults.arrived - arrivedBefore
    faults.clearAll()
    var chains: [[[UInt8]]] = []
    for member in committee.members { chains.append(try await committee.chain(of: member)) }
    return (Summary(stretches: [before, after], observed: try await observed, chains: chains), arrived)
  }

  private func decide(
    _ heights: Range<UInt64>,
    with committee: Committee,
    lost: Int? = nil,
    _ show: (UInt64) -> Void
  ) async throws -> Summary.Stretch {
    let run = HeightRun(committee: committee, lost: lost)
    let started = ContinuousClock.now
    for height in heights {
      do {
        try await run.decide(height)
      } catch {
        throw DemoFailure("height \(height) was not decided: \(error)")
      }
      show(height)
    }
    return Summary.Stretch(
      name: lost.map { "without node \($0)" } ?? "all four nodes",
      heights: heights.count,
      elapsed: started.duration(to: .now),
      measurements: run.measurements
    )
  }

  private func promises(_ summary: Summary, arrived: Int) -> [Promise] {
    let lost = summary.chains[Self.lost]
    let others = summary.chains.enumerated().filter { $0.offset != Self.lost }.map(\.element)
    let measurements = summary.stretches.last?.measurements
    let failed = measurements?.failures(.failed) ?? 0
    let blocked = measurements?.failures(.circuitBlocked) ?? 0
    let head = others.first?.last?.hexadecimal.prefix(12) ?? ""
    return [
      Promise(
        "three nodes have all heights, the same blocks",
        seen: "\(others.map { "\($0.count)" }.joined(separator: ", ")); head \(head)",
        isKept: Set(others).count == 1 && others.first?.count == Int(self.heights)
      ),
      Promise(
        "node 3 stops half-way, on the same chain",
        seen: "\(lost.count) blocks",
        isKept: lost.count == Int(self.half) && others.first?.starts(with: lost) == true
      ),
      Promise(
        "its callers' circuits open, and spare the network",
        seen: "\(arrived) sent and failed, \(blocked) never sent",
        isKept: arrived == failed && (blocked > 0 || self.heights < 4)
      ),
    ]
  }
}

extension MockFaults {
  /// How many calls of all methods have come.
  fileprivate var arrived: Int { self.counts.reduce(0) { $0 + Int($1.calls) } }
}
