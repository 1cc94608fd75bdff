import BulwarkBalancing
import BulwarkCore
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct LoadReportTests {
  /// A service that says of itself in each trailer that it serves 100 calls a second at this utilization.
  private func service(_ answer: String, utilization: Double) -> ByteService {
    var report: [UInt8] = []
    for (tag, value) in [(UInt8(0x31), 100.0), (0x49, utilization)] {
      report.append(tag)
      var bits = value.bitPattern
      for _ in 0..<8 {
        report.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
      }
    }
    return ByteService(unary: { [report] _, context in
      context.addTrailingMetadata(binary: report, for: "endpoint-load-metrics-bin")
      return ByteBuffer(string: answer)
    })
  }

  @Test func aServerThatSaysThatItIsBusyGetsFewerCalls() async throws {
    try await withServer(self.service("busy", utilization: 0.9)) { _, busy in
      try await withServer(self.service("free", utilization: 0.1)) { _, free async throws in
        var configuration = ClientConfiguration.impatient
        var options = WeightedRoundRobinOptions()
        options.blackoutPeriod = .zero
        options.weightUpdatePeriod = .milliseconds(100)
        configuration.loadBalancing = .weightedRoundRobin(options)
        let client = Client(to: [busy, free], configuration: configuration)
        // In proportion once the weights are known: nine of ten calls.
        var latest: [String] = []
        while latest.count < 100 || latest.filter({ $0 == "free" }).count < 85 {
          latest.append(try await client.echo(""))
          if latest.count > 100 { latest.removeFirst() }
        }
        await client.close()
      }
    }
  }
}
