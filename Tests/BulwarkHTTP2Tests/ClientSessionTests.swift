import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

/// A client opposite a server that does what it wants.
@Suite struct ClientSessionTests {
  private let client = HTTP2ClientSession(limits: HTTP2Limits(), now: 0)

  private func request(_ peer: RawPeer, endStream: Bool = true) throws -> HTTP2StreamID {
    let stream = try #require(self.client.sendRequest(Sample.request(), endStream: endStream))
    peer.read()
    return stream
  }

  private func response(_ fields: (String, String)...) -> [UInt8] {
    HeaderBlock.literals([(":status", "200")] + fields)
  }

  @Test func informationalResponsesComeBeforeTheFinalOne() throws {
    let peer = RawPeer(against: self.client)
    let stream = try self.request(peer)
    peer.send(.headers(stream, HeaderBlock.literals([(":status", "100")])))
    peer.send(.headers(stream, HeaderBlock.literals([(":status", "103"), ("link", "x")])))
    peer.send(.headers(stream, self.response()), .data(stream, [1]))
    peer.send(
      .headers(stream, HeaderBlock.literals([("grpc-status", "0")]), flags: [.endHeaders, .endStream])
    )
    #expect(
      peer.events == [
        .settings,
        .headers(stream: stream, fields: 0..<1, kind: .informational, endStream: false),
        .headers(stream: stream, fields: 0..<2, kind: .informational, endStream: false),
        .headers(stream: stream, fields: 0..<1, kind: .initial, endStream: false),
        .data(stream: stream, range: 31..<32, endStream: false),
        .headers(stream: stream, fields: 0..<1, kind: .trailing, endStream: true),
        .streamClosed(stream: stream, code: .noError, by: .peer),
      ]
    )
  }

  @Test func headersOfSeveralStreamsInOneReadKeepTheirPlaces() throws {
    let peer = RawPeer(against: self.client)
    let ids = try (0..<3).map { _ in try self.request(peer) }
    peer.send(ids.map { .headers($0, self.response(("id", "\($0)")), flags: [.endHeaders, .endStream]) })
    for event in peer.events {
      guard case .headers(let stream, let fields, _, _) = event else { continue }
      let value = self.client.field(fields.upperBound - 1).value
      #expect(String(decoding: self.client.fieldBytes[value], as: UTF8.self) == "\(stream)")
    }
    #expect(peer.events.count == 1 + 2 * ids.count)
  }

  @Test func aResponseWithTooManyHeadersEndsItsCall() throws {
    let peer = RawPeer(against: self.client)
    let stream = try self.request(peer)
    let block = HeaderBlock.literals([(":status", "200")] + (0..<200).map { ("x\($0)", "") })
    peer.send(.headers(stream, block), .data(stream, [1, 2]))
    peer.read()
    #expect(peer.events == [.settings, .streamClosed(stream: stream, code: .enhanceYourCalm, by: .local)])
    #expect(!self.client.isFinished)
  }

  @Test func aServerMayResetAsOftenAsItLikes() throws {
    let peer = RawPeer(against: self.client)
    for _ in 0..<3_000 {
      let stream = try self.request(peer)
      peer.send(.reset(stream, code: HTTP2ErrorCode.refusedStream.rawValue))
      #expect(peer.events.last == .streamClosed(stream: stream, code: .refusedStream, by: .peer))
    }
    #expect(!self.client.isFinished)
  }

  @Test func streamsAboveAGoAwayAreRefusedAndTheOthersGoOn() throws {
    let peer = RawPeer(against: self.client)
    let ids = try (0..<3).map { _ in try self.request(peer) }
    peer.send(.goAway(lastStream: ids[0], code: 0, debug: "bye"))
    #expect(
      Set(peer.events.suffix(3)) == [
        .goAway(lastStream: ids[0], code: .noError, debug: "bye"),
        .streamClosed(stream: ids[1], code: .refusedStream, by: .connection),
        .streamClosed(stream: ids[2], code: .refusedStream, by: .connection),
      ]
    )
    #expect(self.client.openStreams == 1 && !self.client.isFinished)
    peer.send(.headers(ids[0], self.response(), flags: [.endHeaders, .endStream]))
    #expect(peer.events.last == .streamClosed(stream: ids[0], code: .noError, by: .peer))
    #expect(self.client.isFinished)
  }

  @Test func longOrBrokenGoAwayTextIsCutAndRepaired() throws {
    let peer = RawPeer(against: self.client)
    var frame = RawFrame.goAway(lastStream: 0, code: 0)
    frame.payload += [UInt8](repeating: 0xff, count: 5_000)
    peer.send(frame)
    peer.read()
    guard case .goAway(0, .noError, let debug)? = peer.events.last else {
      Issue.record("no GOAWAY: \(peer.events)")
      return
    }
    #expect(debug == String(repeating: "\u{fffd}", count: 1_024))
    #expect(self.client.isFinished)
  }

  @Test(arguments: [
    ("a pushed stream", [RawFrame(.pushPromise, flags: .endHeaders, stream: 1, payload: [0, 0, 0, 2])]),
    ("a response nobody asked for", [.headers(5, HeaderBlock.literals([(":status", "200")]))]),
    ("DATA before the response", [.data(1, [1])]),
    ("a GOAWAY that takes back less", [.goAway(lastStream: 1, code: 0), .goAway(lastStream: 3, code: 0)]),
    ("a stream of its own", [.headers(2, HeaderBlock.request())]),
    ("SETTINGS that allow push", [.settings([(2, 1)])]),
  ])
  func aServerThatBreaksTheProtocolIsLeft(name: String, frames: [RawFrame]) throws {
    let peer = RawPeer(against: self.client)
    peer.read()
    peer.send(.settingsAcknowledgement)
    let stream = try self.request(peer)
    peer.send(frames)
    peer.read()
    #expect(peer.frames(.goAway).map(\.errorCode) == [HTTP2ErrorCode.protocolError.rawValue])
    #expect(self.client.isFinished)
    self.client.close()
    peer.read()
    #expect(peer.events.last == .streamClosed(stream: stream, code: .cancel, by: .connection))
  }

  @Test(arguments: [
    HeaderBlock.literals([("x", "y")]),
    HeaderBlock.literals([(":status", "99999")]),
    HeaderBlock.literals([(":status", "101")]),
    HeaderBlock.literals([(":status", "200"), (":path", "/")]),
    HeaderBlock.literals([(":status", "200"), ("Upper", "x")]),
  ])
  func aMalformedResponseEndsItsCall(block: [UInt8]) throws {
    let peer = RawPeer(against: self.client)
    let stream = try self.request(peer)
    peer.send(.headers(stream, block))
    #expect(!self.client.isReceivingHeaderBlock)
    peer.read()
    #expect(peer.events.last == .streamClosed(stream: stream, code: .protocolError, by: .local))
    #expect(!self.client.isFinished)
  }

  @Test func theFirstBytesAreThePrefaceAndSettings() {
    var bytes = ByteBuffer()
    #expect(!self.client.takeOutbound(into: &bytes, limit: 65_536))
    #expect(bytes.readBytes(length: 24) == RawFrame.clientPreface)
    var parser = RawFrameParser()
    let frames = parser.append(bytes.readableBytesView)
    #expect(frames.map(\.kind) == [.settings, .windowUpdate])
    // ENABLE_PUSH is off; the connection's window is 4 MiB, 65,535 of which are there from the start.
    let entries =
      frames.first.map { stride(from: 0, to: $0.payload.count, by: 6).map { start in start } } ?? []
    let push = entries.first { frames[0].payload[$0...].starts(with: [0, 2]) }
    #expect(push.map { frames[0].payload[$0 + 2..<$0 + 6] } == [0, 0, 0, 0])
    #expect(frames.last?.payload == [0, 0x3f, 0, 1])
  }
}
