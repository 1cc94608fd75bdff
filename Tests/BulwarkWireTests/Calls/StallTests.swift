import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What happens to a peer that keeps a connection and does not get on with it.
@Suite struct StallTests {
  @Test func aRequestThatMakesNoProgressIsTurnedAway() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: [0, 0, 0, 0], endStream: false)
    for _ in 0..<2 {
      client.advance(by: .seconds(10))
      #expect(client.server.activeCalls == 1)
    }
    client.advance(by: .seconds(10))
    client.advance(by: .seconds(10))
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(client.started.isEmpty)
    #expect(client.server.activeCalls == 0)
  }

  @Test func aRequestThatComesSlowlyIsServed() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: nil, endStream: false)
    let body = Sample.framed([UInt8](repeating: 1, count: 15))
    for (index, byte) in body.enumerated() {
      client.advance(by: .seconds(15))
      client.inject(.data(stream, [byte], flags: index == body.count - 1 ? .endStream : []))
    }
    #expect(client.started.count == 1)
  }

  @Test(arguments: [false, true])
  func aResponseThatIsNotTakenCancelsItsHandlerOnce(isLinkBlocked: Bool) {
    var configuration = LinkedPair.Configuration()
    configuration.toClient.capacity = 32 * 1024
    let pair = LinkedPair(
      handlers: Sample.echo(replacing: Sample.download) { _, input in
        if case .message = input { (0..<100).map { _ in .send(Sample.bytes(100_000)) } } else { [] }
      },
      configuration
    )
    var plan = Sample.plan(Sample.download)
    plan.readLimit = 1
    pair.run(for: .milliseconds(1))
    if isLinkBlocked {
      pair.stall(.toClient, for: .seconds(3_600))
    }
    let call = pair.start(plan)
    pair.run(for: .seconds(25))
    #expect(pair.calls[call].handler?.cancellations.isEmpty == true)
    pair.run(for: .seconds(25))
    #expect(pair.calls[call].handler?.cancellations.count == 1)
    pair.run(for: .seconds(100))
    #expect(pair.calls[call].handler?.cancellations.count == 1)
    #expect(pair.server.activeCalls == 0)
    #expect(pair.violations.isEmpty)
  }

  @Test func anIdleStreamIsNoStall() {
    let pair = LinkedPair(handlers: Sample.echo)
    let steps: [CallStep] = [
      .send(Sample.text("a")), .wait(.seconds(3_600)), .send(Sample.text("b")), .finish,
    ]
    let call = pair.start(CallPlan(Sample.chat, steps: steps))
    #expect(pair.run(within: .seconds(4_000)) == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(pair.calls[call].responses.count == 2)
  }

  @Test func aClientThatSendsNoSettingsIsGivenUp() {
    let clock = VirtualClock()
    let server = ServerConnection(
      methods: MethodTable(Sample.registry()),
      peer: Peer(address: "test"),
      time: clock.timeSource,
      now: clock.now
    )
    #expect(server.nextDeadline == clock.now.advanced(by: .seconds(10)))
    clock.advance(by: .seconds(10))
    server.deadlineReached(now: clock.now)
    #expect(server.isFinished)
    var parser = RawFrameParser()
    var bytes = ByteBuffer()
    _ = server.takeOutbound(into: &bytes, limit: 65_536)
    let last = parser.append(bytes.readableBytesView).last
    #expect(last?.kind == .goAway && last?.errorCode == HTTP2ErrorCode.settingsTimeout.rawValue)
  }

  @Test func aServerThatSendsNoSettingsIsGivenUp() {
    let clock = VirtualClock()
    let client = ClientConnection(authority: "a", userAgent: "b", now: clock.now)
    #expect(client.nextDeadline == clock.now.advanced(by: .seconds(10)))
    clock.advance(by: .seconds(10))
    client.deadlineReached(now: clock.now)
    #expect(client.isFinished)
  }

  @Test func aHeaderBlockThatIsNeverEndedEndsTheConnection() throws {
    let client = EngineClient()
    client.inject(.headers(1, HeaderBlock.request(), flags: []))
    client.advance(by: .seconds(9))
    #expect(client.frames(.goAway).isEmpty)
    client.advance(by: .seconds(1))
    #expect(client.frames(.goAway).map(\.errorCode) == [HTTP2ErrorCode.enhanceYourCalm.rawValue])
    #expect(client.server.isFinished)
  }

  @Test func aServersHeaderBlockThatIsNeverEndedFailsTheCalls() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.inject(.headers(stream, HeaderBlock.literals([(":status", "200")]), flags: []))
    server.clock.advance(by: .seconds(10))
    server.client.deadlineReached(now: server.clock.now)
    server.exchange()
    #expect(try server.failure(stream).code == .unavailable)
    #expect(server.client.isFinished)
  }

  @Test func aPeerThatAcknowledgesNothingStillMeetsTheCallsDeadlines() {
    let pair = LinkedPair(handlers: Sample.echo)
    pair.stall(.toClient, for: .seconds(100))
    var plan = Sample.plan(Sample.unary)
    plan.timeout = .seconds(2)
    let call = pair.start(plan)
    pair.run(for: .seconds(3))
    #expect(pair.calls[call].outcome?.code == .deadlineExceeded)
  }
}
