import Foundation

/// The result of a run, for a person and for a program.
struct Report {
  private let kind: CallMix
  private let fields: Fields

  /// The JSON object; rates and latencies are of the measured time alone.
  private struct Fields: Encodable {
    let kind: String
    let concurrency: Int
    let connections: Int
    let payloadBytes: Int
    let warmUpSeconds: Double
    let seconds: Double
    let callsPerSecond: Double?
    let messagesPerSecond: Double?
    /// Absent without a flood.
    let refusalsPerSecond: Double?
    /// Absent if nothing ended in the measured time.
    let latencyMicroseconds: Latencies?
  }

  private struct Latencies: Encodable {
    let p50: Double
    let p99: Double
    let p999: Double

    enum CodingKeys: String, CodingKey {
      case p50, p99
      case p999 = "p99.9"
    }
  }

  init(_ run: BenchClient, _ tally: Tally) {
    let perSecond = { (count: Int) in (Double(count) / run.seconds * 10).rounded() / 10 }
    let rate = perSecond(tally.count)
    let microseconds = { (percent: Double) in Double(tally.latencies.percentile(percent)) / 1000 }
    self.kind = run.kind
    self.fields = Fields(
      kind: run.kind.rawValue,
      concurrency: run.concurrency,
      connections: run.connections,
      payloadBytes: run.payload,
      warmUpSeconds: run.warmUp,
      seconds: run.seconds,
      callsPerSecond: run.kind == .unary ? rate : nil,
      messagesPerSecond: run.kind == .unary ? nil : rate,
      refusalsPerSecond: run.flood == 0 ? nil : perSecond(tally.refusals),
      latencyMicroseconds: tally.latencies.count == 0
        ? nil : Latencies(p50: microseconds(50), p99: microseconds(99), p999: microseconds(99.9))
    )
  }

  var text: String {
    let rate = self.fields.callsPerSecond ?? self.fields.messagesPerSecond ?? 0
    let latency =
      self.fields.latencyMicroseconds.map { "p50 \($0.p50) us, p99 \($0.p99) us, p99.9 \($0.p999) us" }
      ?? "unknown: no call ended in the measured time"
    let flood = self.fields.refusalsPerSecond.map {
      "\nrefused  \(String(format: "%.0f", $0)) calls/s beside them"
    }
    return """
      \(self.kind.rawValue): \(self.fields.concurrency) callers on \(self.fields.connections) connections, \
      payloads of \(self.fields.payloadBytes) bytes
      measured for \(self.fields.seconds) s, after a warm-up of \(self.fields.warmUpSeconds) s that does not count
      rate     \(String(format: "%.0f", rate)) \(self.kind.unit)/s
      latency  \(latency)\(flood ?? "")
      """
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(self.fields), as: UTF8.self)
    }
  }
}
