import ConsensusService
import Foundation

/// What the demonstration tells at its end.
struct Summary {
  let heights: UInt64
  let elapsed: Duration
  let durations: [String: [Duration]]
  let observed: Observer.Observed

  /// The block hashes of each node's chain.
  let chains: [[[UInt8]]]

  /// Whether all nodes have every height, with the same blocks.
  var isOneChain: Bool { Set(self.chains).count == 1 && self.chains.first?.count == Int(self.heights) }

  var text: String {
    let calls = self.durations.values.reduce(0) { $0 + $1.count }
    let rate = { (count: Int) in String(format: "%.0f", Double(count) / (self.elapsed / .seconds(1))) }
    let lines = [
      "",
      "\(self.heights) heights in \(self.elapsed.seconds(digits: 2)) s, \(rate(Int(self.heights))) per second; "
        + "\(calls) calls, \(rate(calls)) per second",
      "",
      Self.row("method", "calls", "p50", "p99"),
    ]
    let methods = self.durations.sorted { $0.key < $1.key }.map { method, durations in
      let sorted = durations.sorted()
      return Self.row(
        method,
        "\(sorted.count)",
        sorted[sorted.count / 2].milliseconds,
        sorted[min(sorted.count - 1, sorted.count * 99 / 100)].milliseconds
      )
    }
    return (lines + methods + ["", self.streams] + self.doubleVote + [self.verdict]).joined(separator: "\n")
  }

  private var streams: String {
    "over streams one observer saw \(self.observed.votes) votes and \(self.observed.blocks) blocks at node 3, "
      + "and followed \(self.observed.followed) blocks at node 2"
  }

  private var doubleVote: [String] {
    guard self.observed.doubleVotes > 0 else { return [] }
    let record = self.observed.recordedAt.map { "block \($0) records it" } ?? "no block records it yet"
    return [
      "validator 3 voted twice at height \(HeightRun.heightOfDoubleVote): every node refused it with evidence, \(record)"
    ]
  }

  private var verdict: String {
    guard self.isOneChain else { return "THE NODES DISAGREE on the chain" }
    let head = self.chains.first?.last?.hexadecimal.prefix(12) ?? ""
    return "all \(self.chains.count) nodes have the same \(self.heights) blocks, head \(head)"
  }

  private static func row(_ method: String, _ cells: String...) -> String {
    let name = method.padding(toLength: 18, withPad: " ", startingAt: 0)
    return name + cells.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
  }
}
