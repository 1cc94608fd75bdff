import BulwarkHTTP2
import BulwarkTestKit
import Testing

/// Header blocks that are too long, too many, or not what they seem.
@Suite struct HeaderAttackTests {
  private let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)
  private let whole: RawFrame.Flags = [.endHeaders, .endStream]

  /// A block cut into HEADERS and so many CONTINUATION frames.
  private func split(_ block: [UInt8], continuations: Int) -> [RawFrame] {
    let size = max(block.count / (continuations + 1), 1)
    var frames = [RawFrame.headers(1, Array(block.prefix(size)), flags: .endStream)]
    for number in 1..<continuations + 1 {
      let end = number == continuations ? block.count : size * (number + 1)
      frames.append(.continuation(1, Array(block[size * number..<end])))
    }
    frames[frames.count - 1].flags.insert(.endHeaders)
    return frames
  }

  @Test(arguments: [Int.max, 1, 2, 7])
  func eightContinuationsAreLegalInPiecesOfAnySize(chunk: Int) {
    let peer = RawPeer(against: self.server)
    let frames = self.split(HeaderBlock.request(), continuations: 8)
    peer.send(bytes: frames.flatMap(\.bytes), chunk: chunk)
    #expect(peer.events.last == .headers(stream: 1, fields: 0..<6, kind: .initial, endStream: true))
    #expect(!self.server.isReceivingHeaderBlock)
  }

  @Test(arguments: [Int.max, 1])
  func aNinthContinuationEndsTheConnection(chunk: Int) {
    let peer = RawPeer(against: self.server)
    peer.send(bytes: self.split(HeaderBlock.request(), continuations: 9).flatMap(\.bytes), chunk: chunk)
    peer.read()
    #expect(peer.events == [.settings])
    #expect(peer.frames.last?.kind == .goAway)
    #expect(peer.frames.last?.errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
    #expect(self.server.isFinished)
  }

  @Test func aContinuationOfNothingEndsTheConnection() {
    let peer = RawPeer(against: self.server)
    for _ in 0..<100 { peer.send(.continuation(1, [])) }
    peer.read()
    #expect(peer.frames(.goAway).map(\.errorCode) == [HTTP2ErrorCode.protocolError.rawValue])
    #expect(self.server.isFinished)
  }

  @Test func aHeaderListOfExactlyTheLimitPasses() {
    let peer = RawPeer(against: self.server)
    // The six fields of the request take 32 each and their own bytes.
    let own = [":methodPOST", ":schemehttp", ":path/service/method", ":authoritypeer", "tetrailers"]
    let used = own.reduce(0) { $0 + $1.utf8.count + 32 } + "content-typeapplication/grpc".utf8.count + 32
    for (stream, extra) in [(Int32(1), 0), (3, 1)] {
      let value = String(repeating: "v", count: 16_384 - used - 33 + extra)
      let block = HeaderBlock.request(adding: [("x", value)])
      let frames: [RawFrame] = [
        .headers(stream, Array(block.prefix(16_000)), flags: .endStream),
        .continuation(stream, Array(block.dropFirst(16_000)), flags: .endHeaders),
      ]
      peer.send(frames)
    }
    #expect(
      peer.events.suffix(2) == [
        .headers(stream: 1, fields: 0..<7, kind: .initial, endStream: true),
        .requestRejected(stream: 3, .headerListTooLarge(bytes: 16_385, limit: 16_384)),
      ]
    )
  }

  @Test func moreFieldsThanTheLimitAreRejectedWithTheirNumber() {
    let peer = RawPeer(against: self.server)
    for (stream, count) in [(Int32(1), 122), (3, 123)] {
      let block = HeaderBlock.request(adding: (0..<count).map { ("x\($0)", "") })
      peer.send(.headers(stream, block, flags: self.whole))
    }
    #expect(
      peer.events.suffix(2) == [
        .headers(stream: 1, fields: 0..<128, kind: .initial, endStream: true),
        .requestRejected(stream: 3, .tooManyFields(count: 129, limit: 128)),
      ]
    )
  }

  @Test func aRejectedRequestCanBeAnsweredAndTheRestOfItIsDropped() {
    let peer = RawPeer(against: self.server)
    let block = HeaderBlock.request(adding: (0..<200).map { ("x\($0)", "") })
    peer.send(.headers(1, block), .data(1, [1, 2, 3]))
    #expect(peer.events.last == .requestRejected(stream: 1, .tooManyFields(count: 206, limit: 128)))
    #expect(self.server.sendHeaders(1, Sample.response, endStream: true))
    peer.read()
    #expect(peer.frames(.headers).map(\.flags) == [[.endHeaders, .endStream]])
    #expect(peer.events.last == .streamClosed(stream: 1, code: .noError, by: .local))
  }

  @Test func compressionStaysInStepAfterARejectedBlock() {
    let peer = RawPeer(against: self.server)
    let filler = HeaderBlock.literals((0..<200).map { ("x\($0)", "") })
    let indexed = HeaderBlock.literal(Array("x-late".utf8), Array("kept".utf8), indexing: .incremental)
    peer.send(.headers(1, HeaderBlock.request() + filler + indexed, flags: self.whole))
    peer.send(.headers(3, HeaderBlock.request() + HeaderBlock.indexed(62), flags: self.whole))
    #expect(peer.events.last == .headers(stream: 3, fields: 0..<7, kind: .initial, endStream: true))
    let field = self.server.field(6)
    #expect(String(decoding: self.server.fieldBytes[field.name], as: UTF8.self) == "x-late")
    #expect(String(decoding: self.server.fieldBytes[field.value], as: UTF8.self) == "kept")
  }

  @Test func aBombOfReferencesIsNotUnpacked() {
    let peer = RawPeer(against: self.server)
    let bomb = HeaderBlock.literal([0x78], [UInt8](repeating: 0x61, count: 3_900), indexing: .incremental)
    peer.send(.headers(1, HeaderBlock.request() + bomb, flags: self.whole))
    let references = [UInt8](repeating: HeaderBlock.indexed(62)[0], count: 8_000)
    peer.send(.headers(3, HeaderBlock.request() + references, flags: self.whole))
    guard case .requestRejected(3, .tooManyFields(8_006, 128))? = peer.events.last else {
      Issue.record("not rejected: \(String(describing: peer.events.last))")
      return
    }
    #expect(self.server.fieldBytes.isEmpty)
    peer.send(.headers(5, HeaderBlock.request(), flags: self.whole))
    #expect(peer.events.last == .headers(stream: 5, fields: 0..<6, kind: .initial, endStream: true))
  }

  @Test(arguments: [("https", false), ("http", true), ("ftp", true)])
  func overTLSOnlyHTTPSIsTaken(scheme: String, isRejected: Bool) {
    let server = HTTP2ServerSession(limits: HTTP2Limits(), requiresHTTPS: true, now: 0)
    let peer = RawPeer(against: server)
    peer.send(.headers(1, HeaderBlock.request(scheme: scheme), flags: self.whole))
    #expect(peer.events.contains(.requestRejected(stream: 1, .invalidScheme)) == isRejected)
  }

  @Test(arguments: [
    ("http", "/service/method", nil),
    ("https", "/service/method", nil),
    ("ftp", "/service/method", HTTP2RequestRejection.invalidScheme),
    ("HTTP", "/service/method", .invalidScheme),
    ("ftp", "service/method", .invalidPath),
    ("http", "/", .invalidPath),
    ("http", "/service", .invalidPath),
    ("http", "/service/", .invalidPath),
    ("http", "//method", .invalidPath),
    ("http", "/a/b/c", .invalidPath),
    ("http", "/a/b/", .invalidPath),
    ("http", "*", .invalidPath),
  ])
  func onlyAServiceAndAMethodMakeAPath(scheme: String, path: String, rejection: HTTP2RequestRejection?) {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request(path: path, scheme: scheme), flags: self.whole))
    if let rejection {
      // Where nghttp2 itself refuses the path, it resets the stream and nothing is announced.
      peer.read()
      let isReset = peer.frames(.reset).map(\.errorCode) == [HTTP2ErrorCode.protocolError.rawValue]
      #expect(peer.events.contains(.requestRejected(stream: 1, rejection)) != isReset)
    } else {
      #expect(peer.events.last == .headers(stream: 1, fields: 0..<6, kind: .initial, endStream: true))
    }
  }

  @Test func aTunnelIsNotACall() {
    let peer = RawPeer(against: self.server)
    let block = HeaderBlock.literals([(":method", "CONNECT"), (":authority", "elsewhere:443")])
    peer.send(.headers(1, block))
    #expect(peer.events.last == .requestRejected(stream: 1, .invalidPath))
  }

  @Test(arguments: [
    ("", "empty name"), ("Upper", "x"), ("te", "gzip"), ("connection", "close"), ("upgrade", "h2c"),
    ("transfer-encoding", "chunked"), ("proxy-connection", "x"), ("keep-alive", "x"), ("a b", "x"),
    ("nul", "a\0b"), ("line", "a\nb"), (":unknown", "x"), (":path", "/again/again"),
  ])
  func aForbiddenFieldEndsItsStreamAlone(name: String, value: String) {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request(adding: [(name, value)]), flags: self.whole))
    #expect(!self.server.isReceivingHeaderBlock)
    peer.send(.headers(3, HeaderBlock.request(), flags: self.whole))
    peer.read()
    #expect(peer.frames(.reset).map(\.stream) == [1])
    #expect(peer.frames(.reset).map(\.errorCode) == [HTTP2ErrorCode.protocolError.rawValue])
    #expect(
      peer.events == [.settings, .headers(stream: 3, fields: 0..<6, kind: .initial, endStream: true)]
    )
    #expect(self.server.openStreams == 1)
  }

  @Test func whiteSpaceAroundAValueIsLetThrough() {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request(adding: [("x", " padded ")]), flags: self.whole))
    let field = self.server.field(6)
    #expect(String(decoding: self.server.fieldBytes[field.value], as: UTF8.self) == " padded ")
  }

  @Test func aHeaderBlockInProgressCanBeSeen() {
    let peer = RawPeer(against: self.server)
    let block = HeaderBlock.request()
    peer.send(.headers(1, Array(block.prefix(20)), flags: .endStream))
    #expect(self.server.isReceivingHeaderBlock)
    peer.send(.continuation(1, Array(block.dropFirst(20)), flags: .endHeaders))
    #expect(!self.server.isReceivingHeaderBlock)
    #expect(peer.events.last == .headers(stream: 1, fields: 0..<6, kind: .initial, endStream: true))
  }

  @Test func anIndexThatIsNotValidAnyMoreIsEmpty() {
    let peer = RawPeer(against: self.server)
    peer.send(.headers(1, HeaderBlock.request(), flags: self.whole))
    #expect(self.server.field(5).name.count == "content-type".utf8.count)
    #expect(self.server.field(6) == HTTP2Field(start: 0, nameCount: 0, valueCount: 0))
    #expect(self.server.field(-1) == HTTP2Field(start: 0, nameCount: 0, valueCount: 0))
    peer.send(.ping())
    #expect(self.server.field(0) == HTTP2Field(start: 0, nameCount: 0, valueCount: 0))
  }
}
