import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

/// The ends of streams and connections: each is reported, and reported once.
@Suite struct ClosingTests {
  private func open(_ link: LinkedSessions, _ count: Int = 1) throws -> [HTTP2StreamID] {
    let ids = try (0..<count).map { _ in
      try #require(link.client.sendRequest(Sample.request(), endStream: false))
    }
    link.run()
    return ids
  }

  @Test func aResetReachesTheOtherSideWithItsCode() throws {
    let link = LinkedSessions()
    let ids = try self.open(link, 2)
    link.client.reset(ids[0], .cancel, isGlitch: false)
    link.server.reset(ids[1], .refusedStream, isGlitch: false)
    link.run()
    #expect(link.clientSees.streams[ids[0]]?.closed == [.init(code: .cancel, by: .local)])
    #expect(link.serverSees.streams[ids[0]]?.closed == [.init(code: .cancel, by: .peer)])
    #expect(link.clientSees.streams[ids[1]]?.closed == [.init(code: .refusedStream, by: .peer)])
    #expect(link.serverSees.streams[ids[1]]?.closed == [.init(code: .refusedStream, by: .local)])
    #expect(link.server.counters.glitches == 0)
  }

  @Test func nothingOfAStreamComesAfterItsReset() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)[0]
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(string: "on its way")))
    var bytes = ByteBuffer()
    _ = link.client.takeOutbound(into: &bytes, limit: 65_536)
    link.server.reset(stream, .cancel, isGlitch: false)
    #expect(!link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.server.receive(bytes, now: 0)
    link.serverSees.drain(link.server, bytes)
    #expect(link.serverSees.streams[stream]?.body == [])
    link.run()
    #expect(link.serverSees.streams[stream]?.closed == [.init(code: .cancel, by: .local)])
  }

  @Test func aRequestResetBeforeItLeftEndsAtOnceAndNeverLeaves() throws {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 1
    let link = LinkedSessions(server: limits)
    link.run()
    let ids = try self.open(link, 2)
    #expect(link.serverSees.order == [ids[0]])
    link.client.reset(ids[1], .cancel, isGlitch: false)
    link.clientSees.drain(link.client)
    #expect(link.clientSees.streams[ids[1]]?.closed == [.init(code: .cancel, by: .local)])
    #expect(link.server.sendHeaders(ids[0], Sample.response, endStream: true))
    link.run()
    #expect(link.serverSees.order == [ids[0]])
    #expect(link.clientSees.streams[ids[1]]?.closed.count == 1)
    #expect(link.client.openStreams == 0)
  }

  @Test func requestsBeyondThePeersLimitWaitForTheirTurn() throws {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 2
    let link = LinkedSessions(server: limits)
    link.run()
    let ids = try (0..<6).map { _ in try #require(link.client.sendRequest(Sample.request(), endStream: true))
    }
    var most = 0
    link.run {
      most = max(most, link.server.openStreams)
      let open = link.serverSees.streams.filter { $0.value.closed.isEmpty }.keys.min()
      return open.map { link.server.sendHeaders($0, Sample.response, endStream: true) } ?? false
    }
    #expect(most == 2)
    #expect(ids.allSatisfy { link.clientSees.streams[$0]?.closed == [.init(code: .noError, by: .peer)] })
  }

  @Test func anEarlyAnswerTellsTheClientToStop() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)[0]
    link.serverSees.consumes = false
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(3 << 20))))
    link.run()
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.run()
    let seen = try #require(link.clientSees.streams[stream])
    #expect(seen.blocks.map(\.endStream) == [true])
    #expect(seen.closed == [.init(code: .noError, by: .peer)])
    #expect(link.serverSees.streams[stream]?.closed == [.init(code: .noError, by: .local)])
    #expect(link.server.openStreams == 0 && link.client.openStreams == 0)
    #expect(link.server.counters.glitches == 0)
    #expect(link.client.queuedBytes(stream) == 0)
  }

  @Test func nothingCanBeSentTwiceOrAfterTheEnd() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)[0]
    let payload = ByteBuffer(string: "payload")
    #expect(!link.server.sendData(stream, prefix: nil, payload))
    #expect(!link.server.finish(stream, trailers: nil))
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: false))
    #expect(!link.server.sendHeaders(stream, Sample.response, endStream: false))
    #expect(link.server.finish(stream, trailers: Sample.trailers))
    #expect(!link.server.finish(stream, trailers: Sample.trailers))
    #expect(!link.server.sendData(stream, prefix: nil, payload))
    link.run()
    #expect(!link.server.sendHeaders(stream, Sample.response, endStream: false))
    #expect(!link.server.sendData(stream, prefix: nil, payload))
    link.server.reset(stream, .cancel, isGlitch: false)
    link.run()
    #expect(link.clientSees.streams[stream]?.closed.count == 1)
    #expect(link.serverSees.streams[stream]?.closed.count == 1)
  }

  @Test func headersTooLargeToSendEndTheCallInsteadOfHangingIt() throws {
    let link = LinkedSessions()
    let ids = try self.open(link, 2)
    let huge = String(repeating: "x", count: 100_000)
    #expect(link.server.sendHeaders(ids[0], Sample.list((":status", "200"), ("x", huge)), endStream: true))
    #expect(link.server.sendHeaders(ids[1], Sample.response, endStream: false))
    #expect(link.server.finish(ids[1], trailers: Sample.list(("grpc-message", huge))))
    link.run()
    for id in ids {
      #expect(link.clientSees.streams[id]?.closed == [.init(code: .internalError, by: .peer)])
      #expect(link.serverSees.streams[id]?.closed == [.init(code: .internalError, by: .local)])
    }
    #expect(link.server.counters.framesNotSent == 2)

    let request = Sample.list((":method", "POST"), (":scheme", "http"), (":path", "/a/b"), ("x", huge))
    let stream = try #require(link.client.sendRequest(request, endStream: true))
    link.run()
    #expect(link.clientSees.streams[stream]?.closed.count == 1)
    #expect(link.serverSees.streams[stream] == nil)
  }

  // MARK: - The connection

  @Test func closingEndsEveryLiveStreamOnce() throws {
    let link = LinkedSessions()
    let ids = try self.open(link, 20)
    for session in [link.client, link.server] as [HTTP2Session] {
      session.close()
      session.close()
      #expect(session.isFinished && session.openStreams == 0)
    }
    link.run()
    for observer in [link.clientSees, link.serverSees] {
      #expect(ids.allSatisfy { observer.streams[$0]?.closed == [.init(code: .cancel, by: .connection)] })
    }
    #expect(link.client.counters.bytesSent == link.server.counters.bytesReceived)
  }

  @Test func aRequestThatNeverLeftIsRefusedWhenTheConnectionEnds() throws {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 1
    let link = LinkedSessions(server: limits)
    link.run()
    let ids = try self.open(link, 2)
    #expect(link.serverSees.order == [ids[0]])
    link.client.close()
    link.clientSees.drain(link.client)
    #expect(link.clientSees.streams[ids[0]]?.closed == [.init(code: .cancel, by: .connection)])
    #expect(link.clientSees.streams[ids[1]]?.closed == [.init(code: .refusedStream, by: .connection)])
  }

  @Test func aCodeIsCalledWhatTheStandardCallsIt() {
    #expect(HTTP2ErrorCode.noError.description == "NO_ERROR")
    #expect(HTTP2ErrorCode.enhanceYourCalm.description == "ENHANCE_YOUR_CALM")
    #expect(HTTP2ErrorCode.http11Required.description == "HTTP_1_1_REQUIRED")
    #expect(HTTP2ErrorCode(rawValue: 14).description == "0xe")
    #expect(HTTP2ErrorCode(rawValue: .max).description == "0xffffffff")
  }

  @Test func aPingIsReportedWhereItComesAndWhereItComesBack() {
    let link = LinkedSessions()
    link.client.ping(7)
    link.run()
    #expect(link.serverSees.receivedPings == 1 && link.serverSees.pings.isEmpty)
    #expect(link.clientSees.pings == [7] && link.clientSees.receivedPings == 0)
  }

  @Test func aClosedSessionTakesAndGivesNothing() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)[0]
    link.server.close()
    link.serverSees.drain(link.server)
    let before = link.server.counters.framesReceived
    link.server.receive(ByteBuffer(bytes: RawFrame.ping().bytes), now: 0)
    link.server.ping(1)
    link.server.shutdownNotice()
    link.server.goAway(code: .noError, debug: "")
    link.server.terminate(code: .noError, debug: "")
    link.server.consume(stream, 1)
    link.server.reset(stream, .cancel, isGlitch: true)
    #expect(!link.server.sendHeaders(stream, Sample.response, endStream: true))
    #expect(!link.server.finish(stream, trailers: nil))
    var bytes = ByteBuffer()
    #expect(!link.server.takeOutbound(into: &bytes, limit: 1))
    #expect(bytes.readableBytes == 0 && link.server.nextEvent() == nil)
    #expect(link.server.counters.framesReceived == before)
    link.client.close()
    #expect(link.client.sendRequest(Sample.request(), endStream: true) == nil)
    #expect(link.client.isGoingAway && link.client.peerMaxConcurrentStreams == 0)
  }

  @Test func aSessionIsFreedWithItsStreams() throws {
    weak var client: HTTP2ClientSession?
    weak var server: HTTP2ServerSession?
    do {
      let link = LinkedSessions()
      let stream = try self.open(link)[0]
      #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(3 << 20))))
      link.serverSees.consumes = false
      link.run()
      client = link.client
      server = link.server
    }
    #expect(client == nil && server == nil)
  }

  @Test func aGoAwayLetsOldStreamsFinishAndRefusesNewOnes() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)[0]
    link.server.goAway(code: .noError, debug: "restart")
    // Sent before the client knows: the server must ignore it, and the client learns that it may try again.
    let late = try #require(link.client.sendRequest(Sample.request(), endStream: true))
    link.run()
    #expect(link.clientSees.goAways == [.goAway(lastStream: stream, code: .noError, debug: "restart")])
    #expect(link.clientSees.streams[late]?.closed == [.init(code: .refusedStream, by: .connection)])
    #expect(link.serverSees.streams[late] == nil)
    #expect(link.client.isGoingAway)
    #expect(link.client.sendRequest(Sample.request(), endStream: true) == nil)
    #expect(!link.server.isFinished && !link.client.isFinished)

    #expect(link.client.finish(stream, trailers: nil))
    link.run()
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.run()
    #expect(link.clientSees.streams[stream]?.closed == [.init(code: .noError, by: .peer)])
    #expect(link.server.isFinished && link.client.isFinished)
  }

  @Test func aRequestThatStillWaitsWhenTheServerLeavesIsRefused() throws {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 1
    let link = LinkedSessions(server: limits)
    link.run()
    let ids = try self.open(link, 2)
    link.server.goAway(code: .noError, debug: "")
    link.run()
    #expect(link.server.sendHeaders(ids[0], Sample.response, endStream: true))
    link.run()
    #expect(link.clientSees.streams[ids[1]]?.closed.map(\.code) == [.refusedStream])
    #expect(link.client.isFinished)
  }

  @Test func aShutdownNoticeStillAdmitsWhatIsOnItsWay() throws {
    let link = LinkedSessions()
    link.run()
    link.server.shutdownNotice()
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: true))
    link.run()
    #expect(link.serverSees.streams[stream]?.hasEnded == true)
    #expect(link.client.isGoingAway)
    #expect(!link.server.isFinished)
    link.server.goAway(code: .noError, debug: "")
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.run()
    #expect(link.clientSees.streams[stream]?.closed == [.init(code: .noError, by: .peer)])
    #expect(link.server.isFinished)
  }

  @Test func terminatingEndsAtOnceWhetherThePeerReadsOrNot() throws {
    let link = LinkedSessions()
    let ids = try self.open(link, 3)
    #expect(link.server.sendHeaders(ids[0], Sample.response, endStream: false))
    #expect(link.server.sendData(ids[0], prefix: nil, ByteBuffer(bytes: Sample.body(1_000_000))))
    link.server.terminate(code: .enhanceYourCalm, debug: String(repeating: "ä", count: 500))
    #expect(link.server.isFinished && link.server.openStreams == 0)
    link.run()
    for id in ids {
      #expect(link.serverSees.streams[id]?.closed == [.init(code: .enhanceYourCalm, by: .connection)])
    }
    let debug = String(repeating: "ä", count: 128)
    #expect(
      link.clientSees.goAways == [.goAway(lastStream: ids[2], code: .enhanceYourCalm, debug: debug)]
    )
  }

  @Test func aSessionTerminatedBeforeItsFirstByteStillSendsSettingsFirst() {
    let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)
    let peer = RawPeer(against: server)
    server.terminate(code: .protocolError, debug: "")
    peer.read()
    #expect(peer.frames.map(\.kind) == [.settings, .goAway])
    #expect(peer.frames.last?.errorCode == HTTP2ErrorCode.protocolError.rawValue)
  }
}
