import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// Connections over a long way, on which windows are what holds a peer up.
@Suite struct GrowingWindowTests {
  private static let megabyte = Sample.bytes(1_000_000)

  private func pair(clientGrowsTo client: Int?, serverGrowsTo server: Int?) -> LinkedPair {
    var configuration = LinkedPair.Configuration()
    configuration.client.maxGrownWindow = client
    configuration.server.maxGrownWindow = server
    configuration.toServer.latency = .milliseconds(50)
    configuration.toServer.capacity = 64 << 20
    configuration.toClient = configuration.toServer
    let handlers = Sample.echo(replacing: Sample.download) { _, input in
      if case .message = input { (0..<30).map { _ in .send(Self.megabyte) } + [.finish] } else { [] }
    }
    return LinkedPair(handlers: handlers, configuration)
  }

  /// How long a call takes that moves 30 MB.
  private func time(_ plan: CallPlan, on pair: LinkedPair) throws -> Duration {
    let start = pair.clock.now
    let call = pair.start(plan)
    #expect(pair.run() == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(pair.violations.isEmpty)
    return start.duration(to: try #require(pair.calls[call].endedAt))
  }

  @Test func aClientWhoseWindowsGrowDownloadsFaster() throws {
    let plan = CallPlan(Sample.download, message: Sample.text("all"))
    let fixed = try self.time(plan, on: self.pair(clientGrowsTo: nil, serverGrowsTo: nil))
    let growing = try self.time(plan, on: self.pair(clientGrowsTo: 16 << 20, serverGrowsTo: nil))
    #expect(fixed > .seconds(2.5))
    #expect(growing < fixed / 2)
  }

  @Test func aServerWhoseWindowsGrowIsUploadedToFaster() throws {
    let plan = CallPlan(Sample.upload, sending: (0..<30).map { _ in Self.megabyte })
    let fixed = try self.time(plan, on: self.pair(clientGrowsTo: nil, serverGrowsTo: nil))
    let growing = try self.time(plan, on: self.pair(clientGrowsTo: nil, serverGrowsTo: 16 << 20))
    #expect(fixed > .seconds(2.5))
    #expect(growing < fixed / 2)
  }

  /// The PINGs of the measurements follow data of the server, which therefore does not count them.
  @Test func measuringIsNoOffence() throws {
    let pair = self.pair(clientGrowsTo: 1 << 30, serverGrowsTo: nil)
    for _ in 0..<10 { _ = try self.time(CallPlan(Sample.download, message: Sample.text("all")), on: pair) }
    #expect(pair.isClientOpen && pair.isServerOpen)
  }

  @Test func windowsThatMayNotGrowAreNotMeasured() throws {
    let pair = self.pair(clientGrowsTo: nil, serverGrowsTo: 1000)
    var pings = 0
    pair.interfere = { frame in
      if frame.kind == .ping { pings += 1 }
      return nil
    }
    _ = try self.time(CallPlan(Sample.download, message: Sample.text("all")), on: pair)
    #expect(pings == 0)
  }
}
