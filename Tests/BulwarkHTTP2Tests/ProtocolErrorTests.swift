import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

/// What breaks RFC 9113 ends the stream or the connection, as the standard says, and nothing else.
@Suite struct ProtocolErrorTests {
  private let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)

  struct Violation: CustomTestStringConvertible {
    var testDescription: String
    var frames: [RawFrame]
    var code: HTTP2ErrorCode

    init(_ name: String, _ code: HTTP2ErrorCode, _ frames: RawFrame...) {
      self.testDescription = name
      self.frames = frames
      self.code = code
    }
  }

  static let open = RawFrame.headers(1, HeaderBlock.request())
  static let whole = RawFrame.headers(1, HeaderBlock.request(), flags: [.endHeaders, .endStream])

  static let connectionErrors = [
    Violation("DATA on the connection", .protocolError, .data(0, [1])),
    Violation("DATA on an idle stream", .protocolError, .data(5, [1])),
    Violation("DATA after the end", .streamClosed, whole, .data(1, [1])),
    Violation("HEADERS after the end", .streamClosed, whole, whole),
    Violation("HEADERS on the connection", .protocolError, .headers(0, HeaderBlock.request())),
    Violation("HEADERS on an even stream", .protocolError, .headers(2, HeaderBlock.request())),
    Violation(
      "a block that is not HPACK",
      .compressionError,
      .headers(1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    ),
    Violation("a block cut short", .compressionError, .headers(1, [0x40, 0x05])),
    Violation("a frame inside a header block", .protocolError, .headers(1, [], flags: []), .ping()),
    Violation(
      "another stream's continuation",
      .protocolError,
      .headers(1, [], flags: []),
      .continuation(3, [], flags: .endHeaders)
    ),
    Violation("RST_STREAM on the connection", .protocolError, .reset(0, code: 8)),
    Violation("RST_STREAM on an idle stream", .protocolError, .reset(7, code: 8)),
    Violation(
      "RST_STREAM of three bytes",
      .frameSizeError,
      open,
      RawFrame(.reset, stream: 1, payload: [0, 0, 0])
    ),
    Violation("SETTINGS on a stream", .protocolError, RawFrame(.settings, stream: 1)),
    Violation("SETTINGS of five bytes", .frameSizeError, RawFrame(.settings, payload: [0, 0, 0, 0, 0])),
    Violation("SETTINGS with a window too large", .flowControlError, .settings([(4, 0x8000_0000)])),
    Violation("SETTINGS with a frame size too small", .protocolError, .settings([(5, 100)])),
    Violation("SETTINGS with push neither on nor off", .protocolError, .settings([(2, 2)])),
    Violation(
      "an acknowledgement of no SETTINGS",
      .protocolError,
      .settingsAcknowledgement,
      .settingsAcknowledgement,
      .settingsAcknowledgement
    ),
    Violation(
      "PING on a stream",
      .protocolError,
      RawFrame(.ping, stream: 1, payload: [UInt8](repeating: 0, count: 8))
    ),
    Violation(
      "PING of seven bytes",
      .frameSizeError,
      RawFrame(.ping, payload: [UInt8](repeating: 0, count: 7))
    ),
    Violation(
      "GOAWAY on a stream",
      .protocolError,
      RawFrame(.goAway, stream: 1, payload: [UInt8](repeating: 0, count: 8))
    ),
    Violation("WINDOW_UPDATE of nothing", .protocolError, .windowUpdate(0, 0)),
    Violation("WINDOW_UPDATE of three bytes", .frameSizeError, RawFrame(.windowUpdate, payload: [0, 0, 1])),
    Violation(
      "WINDOW_UPDATE that overflows the connection",
      .flowControlError,
      .windowUpdate(0, 0x7fff_ffff)
    ),
    Violation("WINDOW_UPDATE on an idle stream", .protocolError, .windowUpdate(9, 1)),
    Violation(
      "PRIORITY of six bytes",
      .frameSizeError,
      RawFrame(.priority, stream: 1, payload: [0, 0, 0, 0, 0, 0])
    ),
    Violation(
      "PUSH_PROMISE from a client",
      .protocolError,
      RawFrame(.pushPromise, flags: .endHeaders, stream: 1, payload: [0, 0, 0, 2])
    ),
    Violation(
      "padding longer than the frame",
      .protocolError,
      open,
      RawFrame(.data, flags: .padded, stream: 1, payload: [9, 1])
    ),
    Violation(
      "a frame above the size limit",
      .frameSizeError,
      open,
      .data(1, [UInt8](repeating: 0, count: 16_385))
    ),
  ]

  @Test(arguments: connectionErrors)
  func aConnectionErrorIsAnsweredWithItsCode(violation: Violation) {
    let peer = RawPeer(against: self.server)
    peer.read()
    peer.send(violation.frames)
    peer.read()
    #expect(peer.frames(.goAway).map(\.errorCode) == [violation.code.rawValue])
    #expect(self.server.isFinished)
    self.server.close()
    peer.read()
    let opened = peer.events.filter { if case .headers = $0 { true } else { false } }
    let closed = peer.events.filter { if case .streamClosed = $0 { true } else { false } }
    #expect(opened.count == closed.count)
  }

  static let streamErrors = [
    Violation(
      "WINDOW_UPDATE that overflows the stream",
      .flowControlError,
      open,
      .windowUpdate(1, 0x7fff_ffff)
    ),
    Violation(
      "a body longer than announced",
      .protocolError,
      .headers(1, HeaderBlock.request(adding: [("content-length", "3")])),
      .data(1, [1, 2, 3, 4])
    ),
    Violation(
      "a body shorter than announced",
      .protocolError,
      .headers(1, HeaderBlock.request(adding: [("content-length", "3")])),
      .data(1, [1, 2], flags: .endStream)
    ),
    Violation(
      "trailers without an end",
      .protocolError,
      open,
      .headers(1, HeaderBlock.literals([("x", "y")]))
    ),
    Violation(
      "trailers with pseudo fields",
      .protocolError,
      open,
      .headers(1, HeaderBlock.literals([(":path", "/a/b")]), flags: [.endHeaders, .endStream])
    ),
  ]

  @Test(arguments: streamErrors)
  func aStreamErrorEndsThatStreamAlone(violation: Violation) {
    let peer = RawPeer(against: self.server)
    peer.send(violation.frames + [.headers(3, HeaderBlock.request())])
    peer.read()
    #expect(peer.frames(.reset).map(\.stream) == [1])
    #expect(peer.frames(.reset).map(\.errorCode) == [violation.code.rawValue])
    #expect(peer.events.last == .streamClosed(stream: 1, code: violation.code, by: .local))
    #expect(self.server.openStreams == 1 && !self.server.isFinished)
    #expect(self.server.counters.glitches == 1)
  }

  @Test(arguments: ["GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"])
  func whatIsNotAPrefaceIsTurnedAway(bytes: String) {
    self.server.receive(ByteBuffer(string: bytes), now: 0)
    #expect(self.server.isFinished && self.server.nextEvent() == nil && !self.server.hasReceivedSettings)
    var output = ByteBuffer()
    #expect(!self.server.takeOutbound(into: &output, limit: 65_536))
    var parser = RawFrameParser()
    let frames = parser.append(output.readableBytesView)
    #expect(frames.map(\.kind) == [.settings, .goAway])
    #expect(frames.last?.errorCode == HTTP2ErrorCode.protocolError.rawValue)
  }

  @Test func streamsBeyondTheLimitAreRefusedUntilThePeerKnowsIt() {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 2
    let server = HTTP2ServerSession(limits: limits, now: 0)
    let peer = RawPeer(against: server)
    peer.read()
    peer.send((0..<3).map { .headers(Int32(2 * $0 + 1), HeaderBlock.request()) })
    peer.read()
    #expect(peer.frames(.reset).map(\.stream) == [5])
    #expect(peer.frames(.reset).map(\.errorCode) == [HTTP2ErrorCode.refusedStream.rawValue])
    peer.send(.settingsAcknowledgement, .headers(7, HeaderBlock.request()))
    peer.read()
    #expect(peer.frames(.goAway).map(\.errorCode) == [HTTP2ErrorCode.protocolError.rawValue])
    #expect(server.isFinished)
  }

  @Test func aPeerThatIgnoresItsWindowIsCutOff() {
    var limits = HTTP2Limits()
    limits.streamWindow = 1_000
    let server = HTTP2ServerSession(limits: limits, now: 0)
    let peer = RawPeer(against: server)
    peer.read()
    peer.send(.settingsAcknowledgement, .headers(1, HeaderBlock.request()))
    peer.send(.data(1, [UInt8](repeating: 0, count: 1_001)))
    peer.read()
    let codes = (peer.frames(.reset) + peer.frames(.goAway)).map(\.errorCode)
    #expect(codes == [HTTP2ErrorCode.flowControlError.rawValue])
  }

  @Test func framesForAStreamThatHasEndedAreIgnored() {
    let peer = RawPeer(against: self.server)
    peer.send(Self.open, .reset(1, code: 8))
    let before = peer.events.count
    for _ in 0..<2_000 {
      peer.send(.data(1, [UInt8](repeating: 0, count: 1_000)))
      peer.read()
    }
    #expect(!self.server.isFinished)
    #expect(peer.events.count == before)
    // Their credit goes back, or the connection would have come to a stop after 4 MiB.
    peer.send(.headers(3, HeaderBlock.request()), .data(3, [1, 2, 3]))
    peer.read()
    #expect(!peer.frames(.windowUpdate).isEmpty)
    guard case .data(3, _, false)? = peer.events.last else {
      Issue.record("the next stream does not get through")
      return
    }
  }

  @Test func paddingIsNotHandedUpAndItsCreditGoesBack() {
    let peer = RawPeer(against: self.server)
    peer.send(Self.open)
    var bytes = 0
    for _ in 0..<10_000 {
      peer.send(.data(1, [7], padding: 255))
      if case .data(1, let range, false)? = peer.events.last {
        bytes += range.count
        self.server.consume(1, range.count)
      }
      peer.read()
    }
    // 2.57 MB have come through a window of 1 MiB.
    #expect(bytes == 10_000 && !self.server.isFinished)
  }
}
