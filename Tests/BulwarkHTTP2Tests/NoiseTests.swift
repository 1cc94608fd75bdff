import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

/// Peers that send noise: whatever comes, a session neither traps nor loses count of its streams.
@Suite struct NoiseTests {
  /// A small seeded generator (SplitMix64), so that a failing seed can be run again.
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      self.state &+= 0x9e37_79b9_7f4a_7c15
      var value = self.state
      value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
      value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
      return value ^ (value >> 31)
    }
  }

  /// A frame that mostly makes sense for one of the streams so far, the highest of which is `last`.
  private func frame(_ random: inout Random, last: Int32, toServer: Bool) -> RawFrame {
    let stream = Int32.random(in: 0...(last / 2), using: &random) * 2 + 1
    let bytes = (0..<Int.random(in: 0...20, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let end: RawFrame.Flags = Int.random(in: 0...3, using: &random) == 0 ? [.endStream] : []
    switch Int.random(in: 0...40, using: &random) {
    case 0...9 where toServer: return .headers(last + 2, HeaderBlock.request(), flags: end.union(.endHeaders))
    case 0...15: return .headers(stream, Self.response, flags: end.union(.endHeaders))
    case 16: return .headers(stream, HeaderBlock.literals([("t", "v")]), flags: [.endStream, .endHeaders])
    case 17...26: return .data(stream, bytes, flags: end, padding: Bool.random(using: &random) ? 3 : nil)
    case 27...30: return .reset(stream, code: UInt32.random(in: 0...20, using: &random))
    case 31...33: return .windowUpdate(stream, UInt32.random(in: 1...100_000, using: &random))
    case 34...35: return .settings([(4, UInt32.random(in: 0...70_000, using: &random))])
    case 36: return .ping()
    case 37: return .goAway(lastStream: stream, code: 0)
    case 38: return .windowUpdate(stream, 0x7fff_ffff)
    default:
      return RawFrame(
        .init(rawValue: UInt8.random(in: 0...12, using: &random)),
        flags: .init(rawValue: UInt8.random(in: 0...255, using: &random)),
        stream: stream,
        payload: bytes
      )
    }
  }

  private static let response = HeaderBlock.literals([(":status", "200")])

  /// Feeds one seed's noise to a session that also answers, resets and consumes by chance.
  private func run(seed: UInt64, _ session: HTTP2Session, _ act: (inout Random) -> HTTP2StreamID?)
    -> SessionObserver
  {
    var random = Random(state: seed)
    let observer = SessionObserver()
    var opened: Set<HTTP2StreamID> = []
    var last: Int32 = -1
    for _ in 0..<Int.random(in: 1...60, using: &random) {
      if let stream = act(&random) {
        opened.insert(stream)
        last = stream
        var output = ByteBuffer()
        _ = session.takeOutbound(into: &output, limit: 1_000)
      }
      let frame = self.frame(&random, last: max(last, 1), toServer: session is HTTP2ServerSession)
      if frame.kind == .headers { last = max(last, frame.stream) }
      var bytes = frame.bytes
      if Int.random(in: 0...60, using: &random) == 0 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
      }
      let cut = Int.random(in: 0...bytes.count, using: &random)
      for part in [bytes[..<cut], bytes[cut...]] {
        let buffer = ByteBuffer(bytes: part)
        session.receive(buffer, now: 0)
        observer.drain(session, buffer)
      }
      if let stream = observer.order.randomElement(using: &random) {
        switch Int.random(in: 0...3, using: &random) {
        case 0: session.reset(stream, .cancel, isGlitch: Bool.random(using: &random))
        case 1: _ = session.sendData(stream, prefix: nil, ByteBuffer(bytes: bytes))
        case 2: _ = session.finish(stream, trailers: Bool.random(using: &random) ? Sample.trailers : nil)
        default: _ = (session as? HTTP2ServerSession)?.sendHeaders(stream, Sample.response, endStream: false)
        }
      }
      if Bool.random(using: &random) {
        var output = ByteBuffer()
        _ = session.takeOutbound(into: &output, limit: 1_000)
        observer.drain(session)
      }
    }
    session.close()
    observer.drain(session)
    #expect(observer.late == 0, "seed \(seed)")
    #expect(observer.streams.values.allSatisfy { $0.closed.count == 1 }, "seed \(seed)")
    #expect(opened.isSubset(of: observer.streams.keys), "seed \(seed)")
    return observer
  }

  @Test func aServerSurvivesNoise() {
    var heard = 0
    for seed in UInt64(0)..<1_000 {
      let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)
      server.receive(ByteBuffer(bytes: RawFrame.clientPreface + RawFrame.settings().bytes), now: 0)
      heard += self.run(seed: seed, server) { _ in nil }.streams.count
    }
    #expect(heard > 1_000)
  }

  @Test func aClientSurvivesNoise() {
    var ended = 0
    for seed in UInt64(0)..<1_000 {
      let client = HTTP2ClientSession(limits: HTTP2Limits(), now: 0)
      client.receive(ByteBuffer(bytes: RawFrame.settings().bytes), now: 0)
      let seen = self.run(seed: seed, client) { random in
        Bool.random(using: &random)
          ? client.sendRequest(Sample.request(), endStream: Bool.random(using: &random)) : nil
      }
      ended += seen.streams.values.filter { $0.closed.first?.by == .peer }.count
    }
    #expect(ended > 150)
  }

  @Test func pureNoiseIsTurnedAway() {
    for seed in UInt64(0)..<500 {
      var random = Random(state: seed)
      let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
      let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0)
      server.receive(ByteBuffer(bytes: bytes), now: 0)
      #expect(server.isFinished)
      let client = HTTP2ClientSession(limits: HTTP2Limits(), now: 0)
      client.receive(ByteBuffer(bytes: bytes), now: 0)
      var output = ByteBuffer()
      _ = client.takeOutbound(into: &output, limit: 65_536)
      #expect(client.openStreams == 0)
    }
  }
}
