import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What becomes of calls when their stream or their connection ends.
@Suite(.tags(.wirePoint)) struct ConnectionEndTests {
  // Points 12 and 24.
  @Test(arguments: Sample.all)
  func aLostConnectionSettlesEachCallOnceOnBothSides(method: MethodDescriptor) {
    let pair = LinkedPair(handlers: Sample.slow(.seconds(10)))
    let calls = (0..<5).map { _ in pair.start(Sample.plan(method)) }
    pair.run(for: .seconds(1))
    #expect(pair.server.activeCalls == 5)
    pair.cut()
    #expect(pair.run() == .done)
    pair.client.connectionClosed()
    pair.server.connectionClosed(now: pair.clock.now)
    pair.run(for: .seconds(1))

    for call in calls {
      let record = pair.calls[call]
      let lost = RPCError(code: .unavailable, message: "the connection was lost", origin: .transport)
      #expect(record.outcome == .failed(lost, isUnprocessed: false))
      #expect(record.handler?.cancellations.map(\.code) == [.cancelled])
    }
    #expect(pair.violations.isEmpty)
    #expect(pair.server.activeCalls == 0 && pair.client.openCalls == 0)
  }

  // Point 12.
  @Test func aGoAwayLeavesOutLaterStreamsAndLetsEarlierOnesFinish() throws {
    let server = EngineServer()
    let early = try server.call()
    let late = try server.call()
    server.inject(.goAway(lastStream: early, code: 0, debug: "bye"))
    let failure = try #require(server.failures(late).first)
    #expect(failure.error.code == .unavailable && failure.isUnprocessed)
    #expect(server.failures(early).isEmpty)
    #expect(server.client.availableCalls == 0)
    let reasons = server.outputs.compactMap {
      if case .goingAway(let reason) = $0 { reason } else { nil }
    }
    #expect(reasons.count == 1 && reasons.first?.contains("bye") == true)

    server.answer(early, body: Sample.framed([1]), trailers: [("grpc-status", "0")])
    #expect(server.answers(early).count == 1)
  }

  // Point 21.
  @Test func callsAboveTheServersLimitWaitAtTheClient() {
    var configuration = LinkedPair.Configuration()
    configuration.serverHTTP2.maxConcurrentStreams = 2
    let pair = LinkedPair(handlers: Sample.slow(.seconds(1)), configuration)
    let calls = (0..<6).map { _ in pair.start(Sample.plan(Sample.unary)) }
    pair.run(for: .milliseconds(500))
    #expect(pair.client.openCalls == 2 && pair.client.availableCalls == 0)
    #expect(pair.run() == .done)
    #expect(calls.allSatisfy { pair.calls[$0].outcome?.code == .ok })
    #expect(
      calls.map { pair.calls[$0].endedAt?.nanoseconds } == [2, 2, 3, 3, 4, 4].map { $0 * 1_000_000_000 }
    )
  }

  // Point 21.
  @Test func aCallThatWaitsForRoomStillMeetsItsDeadline() {
    var configuration = LinkedPair.Configuration()
    configuration.serverHTTP2.maxConcurrentStreams = 1
    let pair = LinkedPair(handlers: Sample.slow(.seconds(10)), configuration)
    pair.start(Sample.plan(Sample.unary))
    var plan = Sample.plan(Sample.unary)
    plan.timeout = .seconds(1)
    let waiting = pair.start(plan)
    #expect(pair.run() == .done)
    #expect(pair.calls[waiting].outcome?.code == .deadlineExceeded)
    #expect(pair.calls[waiting].handler == nil)
  }

  // Point 21.
  @Test func noCallFitsBeforeTheServersSettingsHaveCome() {
    let client = ClientConnection(authority: "a", userAgent: "b", now: VirtualClock().now)
    #expect(client.availableCalls == 0)
  }

  // Point 22.
  @Test func aGracefulStopIsTwoGoAwaysWithAPingBetween() throws {
    let client = EngineClient()
    let early = try client.request(Sample.unary.path)
    client.server.beginShutdown()
    client.server.beginShutdown()
    // The client does not know yet, and starts a call.
    var down = ByteBuffer()
    while client.server.takeOutbound(into: &down, limit: 65_536) {}
    var parser = RawFrameParser()
    let first = parser.append(down.readableBytesView)
    #expect(first.map(\.kind) == [.goAway, .ping])
    #expect(first.first?.lastStream == .max)
    let late = try #require(client.session.sendRequest(EngineClient.fields(), endStream: false))
    _ = client.session.sendData(late, prefix: nil, ByteBuffer(bytes: Sample.framed([1])))
    _ = client.session.finish(late, trailers: nil)
    client.exchange()
    client.session.receive(down, now: 0)
    client.exchange()

    #expect(client.started.map(\.id) == [early, late])
    #expect(client.frames(.goAway).map(\.lastStream) == [late])
    #expect(client.frames(.goAway).first?.errorCode == 0)
    #expect(!client.server.isFinished)
    for call in client.started {
      client.server.respond(call.id, Sample.text("done"))
      client.server.handlerReturned(call.id)
    }
    client.exchange()
    #expect(try client.seen(early).grpcStatus == "0" && client.seen(late).grpcStatus == "0")
    #expect(client.server.isFinished)
  }

  // Point 22.
  @Test func aCallThatIsOnItsWayWhenTheServerStopsIsServedAndALaterOneIsUnprocessed() {
    var configuration = LinkedPair.Configuration()
    configuration.toServer.latency = .milliseconds(10)
    configuration.toClient.latency = .milliseconds(10)
    let pair = LinkedPair(handlers: Sample.slow(.milliseconds(100)), configuration)
    pair.run(for: .milliseconds(50))
    let early = pair.start(Sample.plan(Sample.unary))
    pair.run(for: .milliseconds(20))
    pair.server.beginShutdown()
    pair.run(for: .milliseconds(5))
    let onItsWay = pair.start(Sample.plan(Sample.unary))
    pair.run(for: .milliseconds(20))
    let late = pair.start(Sample.plan(Sample.unary))
    #expect(pair.run() == .done)

    #expect(pair.calls[early].outcome?.code == .ok)
    #expect(pair.calls[onItsWay].outcome?.code == .ok)
    guard case .failed(let error, isUnprocessed: true)? = pair.calls[late].outcome else {
      Issue.record("the late call is not marked as unprocessed")
      return
    }
    #expect(error.code == .unavailable)
    pair.run(for: .seconds(1))
    #expect(!pair.isServerOpen && !pair.isClientOpen)
    #expect(pair.violations.isEmpty)
  }

  // Point 24.
  @Test(arguments: Sample.all)
  func aCancelledCallCancelsItsHandlerOnceAndFreesItsPlaceWhenThatReturns(method: MethodDescriptor) {
    let pair = LinkedPair(handlers: Sample.slow(.seconds(10), returnDelay: .seconds(2)))
    let call = pair.start(Sample.plan(method))
    pair.run(for: .seconds(1))
    pair.cancel(call)
    pair.run(for: .seconds(1))
    #expect(pair.calls[call].handler?.cancellations.map(\.code) == [.cancelled])
    #expect(pair.server.activeCalls == 1)
    #expect(pair.run() == .done)
    #expect(pair.server.activeCalls == 0)
    #expect(pair.calls[call].handler?.cancellations.count == 1)
    #expect(pair.violations.isEmpty)
  }

  // Point 24.
  @Test func aCallThatIsResetWhileItsRequestIsCollectedFreesItsPlace() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, body: [0, 0, 0], endStream: false)
    #expect(client.server.activeCalls == 1)
    client.session.reset(stream, .cancel, isGlitch: false)
    client.exchange()
    #expect(client.server.activeCalls == 0)
    #expect(client.started.isEmpty && client.cancellations.isEmpty)
  }

  @Test func anAbortedStopFailsEveryCallAndClosesTheConnection() {
    let pair = LinkedPair(handlers: Sample.slow(.seconds(100)))
    let calls = Sample.all.map { pair.start(Sample.plan($0)) }
    pair.run(for: .seconds(1))
    pair.server.abortCalls()
    #expect(pair.run() == .done)
    pair.run(for: .seconds(1))
    for call in calls {
      #expect(pair.calls[call].outcome?.code == .unavailable)
      #expect(pair.calls[call].handler?.cancellations.map(\.code) == [.unavailable])
    }
    #expect(pair.server.activeCalls == 0)
    #expect(!pair.isServerOpen && !pair.isClientOpen)
    #expect(pair.violations.isEmpty)
  }
}
