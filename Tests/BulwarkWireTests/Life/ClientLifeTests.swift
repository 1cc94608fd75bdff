import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// How a client's connection looks after its server.
@Suite struct ClientLifeTests {
  private static let keepalive = ClientKeepalive(time: .seconds(10))

  /// A server that takes all and answers nothing.
  private func silence(_ server: EngineServer, for duration: Duration) -> [RawFrame] {
    server.clock.advance(by: duration)
    server.client.deadlineReached(now: server.clock.now)
    var bytes = ByteBuffer()
    while server.client.takeOutbound(into: &bytes, limit: 65_536) {}
    var parser = RawFrameParser()
    while let output = server.client.nextOutput() { server.outputs.append(output) }
    return parser.append(bytes.readableBytesView)
  }

  @Test func aServerThatDoesNotAnswerIsGivenUpAndItsCallsFail() throws {
    let server = EngineServer(keepalive: Self.keepalive)
    let call = try server.call()
    #expect(self.silence(server, for: .seconds(10)).map(\.kind) == [.ping])
    _ = self.silence(server, for: .seconds(10))
    #expect(self.silence(server, for: .seconds(9)).isEmpty)
    #expect(server.failures(call).isEmpty)
    #expect(self.silence(server, for: .seconds(1)).isEmpty)
    #expect(server.client.isPeerLost && server.client.isFinished)
    let failure = try server.failure(call)
    #expect(failure.code == .unavailable && failure.origin == .transport)
    #expect(failure.message == "keepalive watchdog timeout")
    #expect(server.failures(call).first?.isUnprocessed == false)
  }

  @Test func aServerThatAnswersIsKept() throws {
    let server = EngineServer(keepalive: Self.keepalive)
    let call = try server.call()
    for _ in 0..<100 { server.advance(by: .seconds(10)) }
    #expect(server.frames.filter { $0.kind == .ping && $0.flags == [] }.count == 100)
    #expect(server.failures(call).isEmpty && !server.client.isFinished)
  }

  @Test func withoutCallsItDoesNotPingUnlessItMay() {
    let silent = EngineServer(keepalive: Self.keepalive)
    for _ in 0..<10 { silent.advance(by: .seconds(10)) }
    #expect(silent.frames.allSatisfy { $0.kind != .ping })
    #expect(silent.client.nextDeadline == nil)

    var keepalive = Self.keepalive
    keepalive.pingsWithoutCalls = true
    let talking = EngineServer(keepalive: keepalive)
    for _ in 0..<10 { talking.advance(by: .seconds(10)) }
    #expect(talking.frames.filter { $0.kind == .ping }.count == 10)
  }

  @Test func aCallAfterALongRestPingsAtOnce() throws {
    let server = EngineServer(keepalive: Self.keepalive)
    server.advance(by: .seconds(10))
    server.advance(by: .seconds(3600))
    #expect(server.frames.allSatisfy { $0.kind != .ping })
    _ = try server.call()
    #expect(server.frames.filter { $0.kind == .ping }.count == 1)
  }

  @Test func theComplaintOfAServerComesBeforeItsGoodbye() {
    let server = EngineServer()
    server.inject(.goAway(lastStream: 0, code: 0xb, debug: "too_many_pings"))
    #expect(server.outputs.compactMap(Self.name).suffix(2) == ["too many pings", "going away"])
  }

  @Test func theCallsThatAComplaintEndsSayWhyTheyFailed() throws {
    let server = EngineServer()
    let call = try server.call()
    server.inject(.goAway(lastStream: .max, code: 0xb, debug: "too_many_pings"))
    server.client.connectionClosed()
    server.exchange()
    let message = "the server has ended the connection (ENHANCE_YOUR_CALM: too_many_pings)"
    #expect(try server.failure(call).message == message)
  }

  @Test(arguments: [(UInt32(0), "too_many_pings"), (0xb, "calm down"), (0xb, "")])
  func anotherGoAwayIsNoComplaintAboutPings(code: UInt32, debug: String) {
    let server = EngineServer()
    server.inject(.goAway(lastStream: 0, code: code, debug: debug))
    #expect(!server.outputs.compactMap(Self.name).contains("too many pings"))
  }

  private static func name(_ output: ClientOutput) -> String? {
    switch output {
    case .tooManyPings: "too many pings"
    case .goingAway: "going away"
    default: nil
    }
  }

  // MARK: - Times

  @Test func fewerThanTenSecondsAreTen() {
    #expect(ClientKeepalive().time == nil)
    #expect(ClientKeepalive(time: .seconds(1)).time == .seconds(10))
    var keepalive = ClientKeepalive(time: .seconds(30))
    #expect(keepalive.time == .seconds(30))
    keepalive.time = .milliseconds(1)
    #expect(keepalive.time == .seconds(10))
    keepalive.time = nil
    #expect(keepalive.time == nil)
  }

  @Test func aComplaintDoublesTheTimeOnceForAllConnectionsThatHadIt() {
    var keepalive = ClientKeepalive(unboundedTime: .seconds(3), timeout: .seconds(1))
    let first = keepalive
    keepalive.slowDown(from: first)
    keepalive.slowDown(from: first)
    #expect(keepalive.time == .seconds(6))
    keepalive.slowDown(from: keepalive)
    #expect(keepalive.time == .seconds(12))
    keepalive.slowDown(from: first)
    #expect(keepalive.time == .seconds(12))
  }

  @Test func aComplaintWithoutPingsChangesNothingAndNoTimeOverflows() {
    var off = ClientKeepalive()
    off.slowDown(from: off)
    #expect(off == ClientKeepalive())
    var endless = ClientKeepalive(time: .nanoseconds(Int64.max))
    endless.slowDown(from: endless)
    #expect(endless.time == .nanoseconds(Int64.max))
  }

  // MARK: - Both sides

  @Test func aHalfOpenConnectionIsNoticedOnBothSides() {
    var configuration = LinkedPair.Configuration()
    configuration.clientKeepalive = Self.keepalive
    configuration.serverLife.keepaliveTime = .seconds(60)
    let pair = LinkedPair(handlers: Sample.slow(.seconds(3600)), configuration)
    let call = pair.start(Sample.plan(Sample.unary))
    pair.run(for: .seconds(1))
    pair.stall(.toServer, for: .seconds(7200))
    pair.stall(.toClient, for: .seconds(7200))
    #expect(pair.run(within: .seconds(31)) { pair.calls[call].outcome != nil } == .done)
    #expect(pair.calls[call].outcome?.code == .unavailable)
    #expect(
      pair.run(within: .seconds(60)) { pair.calls[call].handler?.cancellations.isEmpty == false } == .done
    )
    #expect(pair.server.isFinished)
    #expect(pair.violations.isEmpty)
  }

  @Test func anObedientClientIsNeverSentAway() {
    var configuration = LinkedPair.Configuration()
    configuration.clientKeepalive = Self.keepalive
    configuration.toServer.latency = .milliseconds(20)
    configuration.toServer.jitter = .milliseconds(900)
    configuration.toClient.latency = .milliseconds(20)
    let pair = LinkedPair(handlers: Sample.slow(.seconds(3600)), configuration)
    let call = pair.start(Sample.plan(Sample.unary))
    #expect(pair.run(within: .seconds(4000)) == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
  }
}
