import Bulwark
import BulwarkProtobuf
import ConsensusService

/// The faults of a node, and what was done to its calls.
struct FaultReport: Encodable {
  struct Counts: Encodable {
    let calls: UInt64
    let failed: UInt64
    let delayed: UInt64
    let hung: UInt64
    let hashRounds: UInt64
    let refused: UInt64
  }

  /// By method, as `faults set` takes them.
  let faults: [String: String]

  /// By method, for those that were called.
  let counts: [String: Counts]

  /// Takes the answer over.
  ///
  /// - Throws: ``RPCError`` if the node names what this program does not know.
  init(_ answer: GetFaultsResponse) throws {
    var faults: [String: String] = [:]
    for message in answer.faults {
      do {
        let setting = try FaultSetting(message)
        faults[setting.method] = setting.plan.description
      } catch {
        throw RPCError(code: .dataLoss, message: "the node has faults that make no sense: \(error)")
      }
    }
    self.faults = faults
    let counts = answer.counts.map {
      (
        $0.method,
        Counts(
          calls: $0.calls,
          failed: $0.failed,
          delayed: $0.delayed,
          hung: $0.hung,
          hashRounds: $0.hashRounds,
          refused: $0.refused
        )
      )
    }
    self.counts = Dictionary(counts) { _, last in last }
  }

  var text: String {
    let width = (Array(self.faults.keys) + Array(self.counts.keys)).map(\.count).max() ?? 0
    let faults = self.faults.sorted { $0.key < $1.key }.map { "  \(Self.padded($0, width))  \($1)" }
    let counts = self.counts.sorted { $0.key < $1.key }.map { method, counts in
      let parts = [
        (counts.failed, "failed"), (counts.delayed, "delayed"), (counts.hung, "hung"),
        (counts.hashRounds, "rounds of hashing"), (counts.refused, "refused"),
      ]
      let done = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
      return "  \(Self.padded(method, width))  "
        + (["\(counts.calls) calls"] + done).joined(separator: ", ")
    }
    return
      ((faults.isEmpty ? ["no faults are set"] : ["faults"] + faults)
      + (counts.isEmpty ? ["no calls so far"] : ["calls so far"] + counts)).joined(separator: "\n")
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
