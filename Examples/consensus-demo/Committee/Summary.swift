import ConsensusService

/// What there is to tell of the heights.
struct Summary {
  /// Some heights in a row.
  struct Stretch {
    let name: String
    let heights: Int
    let elapsed: Duration
    let measurements: Measurements
  }

  let stretches: [Stretch]
  let observed: Observer.Observed

  /// The hashes of the blocks that each node has.
  let chains: [[[UInt8]]]

  /// How fast the heights came, stretch by stretch, and how long the calls took.
  var lines: [String] {
    var lines = self.stretches.map { stretch in
      let calls = stretch.measurements.durations.values.reduce(0) { $0 + $1.count }
      return "\(stretch.name): \(stretch.heights) heights in \(stretch.elapsed.seconds(digits: 2)), "
        + "\(perSecond(stretch.heights, in: stretch.elapsed)) per second; "
        + "\(calls) calls answered, \(perSecond(calls, in: stretch.elapsed)) per second"
    }
    lines += self.latencies.lines.map { "  " + $0 }
    lines.append(
      "over streams one observer saw \(self.observed.votes) votes and \(self.observed.blocks) blocks at node 1, "
        + "and \(self.observed.followed) blocks at node 2"
    )
    if self.observed.doubleVotes > 0 {
      let record = self.observed.recordedAt.map { "block \($0) records it" } ?? "no block records it yet"
      lines.append(
        "validator 3 voted twice at height \(HeightRun.heightOfDoubleVote): "
          + "refused everywhere with evidence, \(record)"
      )
    }
    return lines
  }

  private var latencies: Table {
    var table = Table("method", "calls", "p50", "p99", "with faults", "p50", "p99")
    let durations = self.stretches.map(\.measurements.durations)
    for method in Set(durations.flatMap(\.keys)).sorted() {
      table.add(
        [method]
          + durations.flatMap { stretch in
            let calls = stretch[method] ?? []
            return [
              "\(calls.count)", calls.percentile(0.5).milliseconds, calls.percentile(0.99).milliseconds,
            ]
          }
      )
    }
    return table
  }
}
