import BulwarkHTTP2
import BulwarkTestKit
import Testing

/// Attacks by numbers: each frame is legal, or costs one stream, and too many of them end the connection.
@Suite struct FloodTests {
  private let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)

  /// Expects the connection to have ended by GOAWAY, with everything released.
  private func expectCalmed(_ peer: RawPeer, sourceLocation: SourceLocation = #_sourceLocation) {
    peer.read()
    let goAways = peer.frames(.goAway)
    #expect(goAways.count == 1, sourceLocation: sourceLocation)
    #expect(
      goAways.last?.errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue,
      sourceLocation: sourceLocation
    )
    #expect(peer.session.isFinished && peer.session.openStreams == 0, sourceLocation: sourceLocation)
  }

  private func requestAndReset(_ streams: some Sequence<Int>) -> [RawFrame] {
    streams.flatMap { number in
      let stream = Int32(2 * number + 1)
      return [
        RawFrame.headers(stream, HeaderBlock.request()),
        RawFrame.reset(stream, code: HTTP2ErrorCode.cancel.rawValue),
      ]
    }
  }

  // MARK: - Resets

  @Test func aThousandResetsAreLegalAndOneMoreEndsTheConnection() {
    let peer = RawPeer(against: self.server)
    for start in stride(from: 0, to: 1_000, by: 100) {
      peer.send(self.requestAndReset(start..<start + 100))
      peer.read()
    }
    #expect(!self.server.isFinished)
    #expect(self.server.counters.resetsReceived == 1_000)
    peer.send(self.requestAndReset(1_000..<1_001))
    #expect(self.server.isFinished)
    self.expectCalmed(peer)
  }

  @Test func resetsComeBackAtTwoHundredASecond() {
    let peer = RawPeer(against: self.server)
    for second in 0..<20 {
      peer.now = Int64(second) * 1_000_000_000
      peer.send(self.requestAndReset(second * 200..<second * 200 + 200))
      peer.read()
    }
    #expect(!self.server.isFinished)
  }

  @Test func aClientMayResetAsManyStreamsAsItLetsEnd() {
    let peer = RawPeer(against: self.server)
    for number in stride(from: 0, to: 10_000, by: 2) where !self.server.isFinished {
      let stream = Int32(2 * number + 1)
      peer.send(.headers(stream, HeaderBlock.request(), flags: [.endHeaders, .endStream]))
      #expect(self.server.sendHeaders(stream, Sample.response, endStream: true))
      peer.read()
      peer.send(self.requestAndReset(number + 1..<number + 2))
    }
    #expect(!self.server.isFinished)
    #expect(self.server.counters.resetsReceived == 5_000)
  }

  @Test func answersToRequestsThatHaveNotEndedGiveNoResetBack() {
    let peer = RawPeer(against: self.server)
    for number in stride(from: 0, to: 2_400, by: 2) where !self.server.isFinished {
      let stream = Int32(2 * number + 1)
      peer.send(.headers(stream, HeaderBlock.request()))
      #expect(self.server.sendHeaders(stream, Sample.response, endStream: true))
      peer.read()
      peer.send(self.requestAndReset(number + 1..<number + 2))
    }
    self.expectCalmed(peer)
  }

  @Test func everyStreamOfAResetFloodClosesOnce() {
    let peer = RawPeer(against: self.server)
    peer.send(self.requestAndReset(0..<1_200))
    self.expectCalmed(peer)
    var opened: Set<HTTP2StreamID> = []
    var closed: [HTTP2StreamID: Int] = [:]
    for event in peer.events {
      if case .headers(let stream, _, _, _) = event { opened.insert(stream) }
      if case .streamClosed(let stream, _, _) = event { closed[stream, default: 0] += 1 }
    }
    #expect(Set(closed.keys) == opened && closed.values.allSatisfy { $0 == 1 })
  }

  @Test func streamsBeyondOneReadsShareAreRefused() {
    let peer = RawPeer(against: self.server)
    peer.send(self.requestAndReset(0..<300))
    peer.read()
    #expect(self.server.counters.streamsOpened == 256)
    #expect(self.server.counters.streamsRefused == 44)
    #expect(!self.server.isFinished)
    peer.send(.headers(601, HeaderBlock.request(), flags: [.endHeaders, .endStream]))
    #expect(peer.events.last == .headers(stream: 601, fields: 0..<6, kind: .initial, endStream: true))
  }

  @Test func asManyStreamsAsMayBeOpenMayComeInOneRead() {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 600
    let server = HTTP2ServerSession(limits: limits, now: 0)
    let peer = RawPeer(against: server)
    peer.send((0..<600).map { .headers(Int32(2 * $0 + 1), HeaderBlock.request()) })
    #expect(server.openStreams == 600 && server.counters.streamsRefused == 0)
  }

  /// CVE-2025-8671: frames that make a server reset streams itself.
  @Test(arguments: [
    // The stream's window overflows.
    [RawFrame.headers(0, HeaderBlock.request()), .windowUpdate(0, 0x7fff_ffff)],
    // The body is longer than was announced.
    [.headers(0, HeaderBlock.request(adding: [("content-length", "1")])), .data(0, [1, 2])],
    // A field's name is invalid.
    [.headers(0, HeaderBlock.request(adding: [("bad name", "x")]))],
    // A field belongs to HTTP/1.
    [.headers(0, HeaderBlock.request(adding: [("connection", "close")]))],
    // Trailers without END_STREAM.
    [.headers(0, HeaderBlock.request()), .headers(0, HeaderBlock.literals([("x", "y")]))],
    // The scheme is missing.
    [.headers(0, HeaderBlock.literals([(":method", "POST"), (":path", "/a/b")]))],
  ])
  func provokedResetsAreChargedAndEndTheConnection(frames: [RawFrame]) {
    let peer = RawPeer(against: self.server)
    for number in 0..<1_100 where !self.server.isFinished {
      peer.send(
        frames.map { frame in
          var frame = frame
          frame.stream = Int32(2 * number + 1)
          return frame
        }
      )
      peer.read()
    }
    self.expectCalmed(peer)
    #expect((1_000...1_002).contains(self.server.counters.glitches))
    #expect(peer.frames(.reset).count <= 1_002)
  }

  @Test func rejectedRequestsAreFaultsToo() {
    let peer = RawPeer(against: self.server)
    for number in 0..<1_100 where !self.server.isFinished {
      let stream = Int32(2 * number + 1)
      peer.send(.headers(stream, HeaderBlock.request(path: "/"), flags: [.endHeaders, .endStream]))
      self.server.reset(stream, .cancel, isGlitch: false)
      peer.read()
    }
    self.expectCalmed(peer)
    #expect(self.server.counters.requestsRejected == 1_001)
  }

  @Test func faultsThatLayersAboveReportCountAlike() {
    let peer = RawPeer(against: self.server)
    for _ in 0..<1_000 { self.server.chargeGlitch(now: 0) }
    #expect(!self.server.isFinished)
    self.server.chargeGlitch(now: 10_000_000)
    #expect(!self.server.isFinished)
    self.server.chargeGlitch(now: 10_000_000)
    self.expectCalmed(peer)
  }

  // MARK: - A peer that does not read

  @Test func framesThatAPeerDoesNotReadAreBounded() {
    let peer = RawPeer(against: self.server)
    var sent = 0
    while !self.server.isFinished && sent < 300_000 {
      peer.send(
        (sent..<sent + 100).map {
          .headers(Int32(2 * $0 + 1), HeaderBlock.request(adding: [("bad name", "")]))
        }
      )
      sent += 100
    }
    #expect(sent <= 5_200)
    self.expectCalmed(peer)
    #expect(self.server.counters.bytesSent < 200)
  }

  @Test func pingsWhoseAnswersAreNotReadAreBounded() {
    let peer = RawPeer(against: self.server)
    for _ in 0..<1_100 { peer.send(.ping()) }
    self.expectCalmed(peer)
  }

  @Test func settingsWhoseAnswersAreNotReadAreBounded() {
    let peer = RawPeer(against: self.server)
    for _ in 0..<1_100 { peer.send(.settings()) }
    self.expectCalmed(peer)
  }

  // MARK: - Control frames

  @Test(arguments: [
    RawFrame.ping(), .settings(), .priority(3), .windowUpdate(0, 1), .ping(0, flags: .acknowledgement),
  ])
  func controlFramesAreBoundedForAPeerThatReads(frame: RawFrame) {
    let peer = RawPeer(against: self.server)
    var sent = 0
    while !self.server.isFinished && sent < 20_000 {
      peer.send(frame)
      peer.read()
      sent += 1
    }
    #expect((1_990...2_001).contains(sent))
    self.expectCalmed(peer)
  }

  @Test func controlFramesInStepWithTrafficAreNotBounded() {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request()))
    for _ in 0..<10_000 {
      peer.send(.data(1, [0]), .ping(), .windowUpdate(0, 1))
      peer.read()
    }
    #expect(!self.server.isFinished)
  }

  @Test func tooManySettingsInOneFrameEndTheConnection() {
    let peer = RawPeer(against: self.server)
    peer.send(.settings((0..<33).map { (UInt16(0x100 + $0), 1) }))
    self.expectCalmed(peer)
  }

  @Test func emptyDataFramesAreFaultsAfterTheFirst() {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request()))
    peer.send(.data(1, []), .data(1, [1]), .data(1, []), .data(1, [1]))
    #expect(self.server.counters.glitches == 0)
    for _ in 0..<1_002 { peer.send(.data(1, [])) }
    self.expectCalmed(peer)
  }

  @Test func framesOfNothingButPaddingAreEmpty() {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request()))
    for _ in 0..<1_002 {
      peer.send(.data(1, [], padding: 100))
      peer.read()
    }
    self.expectCalmed(peer)
  }

  @Test func unknownFramesCostNothing() {
    let peer = RawPeer(against: self.server)
    for _ in 0..<20_000 { peer.send(RawFrame(.init(rawValue: 0xf0), stream: 1, payload: [1, 2, 3])) }
    peer.read()
    #expect(!self.server.isFinished && peer.events == [.settings])
    #expect(peer.frames.filter { $0.kind != .settings && $0.kind != .windowUpdate }.isEmpty)
  }
}
