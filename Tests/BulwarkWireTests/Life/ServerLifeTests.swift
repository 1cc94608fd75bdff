import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkWire

/// What ends a server's connection beside its calls, against a client that says exactly what a test wants.
@Suite struct ServerLifeTests {
  private static func life(_ change: (inout ServerConnectionLife) -> Void) -> ServerConnectionLife {
    var life = ServerConnectionLife()
    change(&life)
    return life
  }

  // MARK: - Pings of the client

  @Test func aClientThatPingsTooMuchIsToldSoAndSentAway() throws {
    let client = EngineClient()
    let call = try client.request(Sample.upload.path, endStream: false)
    for _ in 0..<3 { client.inject(.ping()) }
    #expect(client.frames(.goAway).isEmpty)
    #expect(client.frames(.ping).count == 3)
    client.inject(.ping())
    let last = try #require(client.frames(.goAway).last)
    #expect(last.errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
    #expect(String(decoding: last.payload[8...], as: UTF8.self) == "too_many_pings")
    #expect(client.server.isFinished)
    #expect(!client.server.isPeerLost)
    #expect(client.cancellations.count == 1)
    #expect(client.started.map(\.id) == [call])
  }

  @Test func pingsOfTenSecondsAreWelcomeWhileThereAreCalls() throws {
    let client = EngineClient()
    try client.request(Sample.upload.path, endStream: false)
    for _ in 0..<100 {
      client.advance(by: .seconds(10))
      client.inject(.ping())
    }
    #expect(client.frames(.goAway).isEmpty)
  }

  @Test func aResponseForgivesThePingsBeforeIt() throws {
    let client = EngineClient()
    let call = try client.request(Sample.chat.path, endStream: false)
    for _ in 0..<50 {
      client.inject(.ping())
      client.inject(.ping())
      #expect(client.server.sendMessage(call, Sample.text("more")) == nil)
      client.exchange()
    }
    #expect(client.frames(.goAway).isEmpty)
  }

  @Test func withoutCallsPingsOfTenSecondsAreTooMany() {
    let client = EngineClient()
    for _ in 0..<4 {
      client.advance(by: .seconds(10))
      client.inject(.ping())
    }
    #expect(client.frames(.goAway).map(\.errorCode) == [HTTP2ErrorCode.enhanceYourCalm.rawValue])
  }

  // MARK: - Pings of the server

  @Test func aClientThatDoesNotAnswerIsGivenUpAndItsCallsAreCancelled() throws {
    let client = EngineClient()
    try client.request(Sample.upload.path, endStream: false)
    client.server.deadlineReached(now: client.clock.now)
    client.clock.advance(by: .seconds(7200))
    client.server.deadlineReached(now: client.clock.now)
    var bytes = ByteBuffer()
    while client.server.takeOutbound(into: &bytes, limit: 65_536) {}
    var parser = RawFrameParser()
    #expect(parser.append(bytes.readableBytesView).map(\.kind) == [.ping])
    #expect(!client.server.isPeerLost)
    client.advance(by: .seconds(20))
    #expect(client.server.isPeerLost && client.server.isFinished)
    #expect(client.cancellations.map(\.code) == [.cancelled])
    #expect(client.frames(.goAway).isEmpty)
  }

  @Test func aClientThatAnswersIsKept() {
    let client = EngineClient()
    for _ in 0..<10 { client.advance(by: .seconds(7200)) }
    #expect(client.frames(.ping).count == 10)
    client.advance(by: .seconds(20))
    #expect(!client.server.isFinished)
  }

  @Test func withoutAKeepaliveTimeNothingWaitsForTime() {
    let client = EngineClient(life: Self.life { $0.keepaliveTime = nil })
    #expect(client.server.nextDeadline == nil)
  }

  // MARK: - Age

  @Test func aConnectionThatIsTooOldTakesNoNewCallsAndEndsWithItsLast() throws {
    let client = EngineClient(life: Self.life { $0.maxAge = .seconds(60) })
    let call = try client.request(Sample.upload.path, endStream: false)
    client.advance(by: .seconds(60))
    #expect(client.frames(.goAway).map(\.lastStream) == [.max, call])
    let last = try #require(client.frames(.goAway).last)
    #expect(last.errorCode == 0)
    #expect(String(decoding: last.payload[8...], as: UTF8.self) == "max_age")
    #expect(!client.server.isFinished)
    client.server.respond(call, Sample.text("done"))
    client.server.handlerReturned(call)
    client.exchange()
    #expect(try client.seen(call).grpcStatus == "0")
    #expect(client.server.isFinished)
  }

  @Test func aCallThatOutlivesTheGraceFailsWithUnavailable() throws {
    let client = EngineClient(
      life: Self.life {
        $0.maxAge = .seconds(60)
        $0.maxAgeGrace = .seconds(5)
      }
    )
    let call = try client.request(Sample.upload.path, endStream: false)
    client.advance(by: .seconds(60))
    client.advance(by: .seconds(4))
    #expect(client.cancellations.isEmpty)
    client.advance(by: .seconds(1))
    #expect(client.cancellations.map(\.code) == [.unavailable])
    #expect(try client.seen(call).grpcStatus == "14")
    client.server.handlerReturned(call)
    client.exchange()
    #expect(client.server.isFinished)
  }

  @Test func aClientThatDoesNotAnswerADrainsPingHoldsItUpForTwentySeconds() {
    let client = EngineClient(life: Self.life { $0.maxAge = .seconds(60) })
    client.clock.advance(by: .seconds(60))
    client.server.deadlineReached(now: client.clock.now)
    var bytes = ByteBuffer()
    while client.server.takeOutbound(into: &bytes, limit: 65_536) {}
    client.clock.advance(by: .seconds(19))
    client.server.deadlineReached(now: client.clock.now)
    #expect(!client.server.isFinished)
    client.clock.advance(by: .seconds(1))
    client.server.deadlineReached(now: client.clock.now)
    while client.server.takeOutbound(into: &bytes, limit: 65_536) {}
    #expect(client.server.isFinished)
  }

  // MARK: - Idleness

  @Test func aConnectionWithoutCallsIsDrained() throws {
    let client = EngineClient(life: Self.life { $0.maxIdle = .seconds(40) })
    let call = try client.request()
    client.server.respond(call, Sample.text("done"))
    client.server.handlerReturned(call)
    client.exchange()
    for _ in 0..<4 { client.advance(by: .seconds(10)) }
    #expect(client.frames(.goAway).isEmpty)
    client.advance(by: .seconds(10))
    #expect(client.frames(.goAway).map(\.lastStream) == [.max])
    // This client has nothing to say any more, not even an acknowledgement, and does not close.
    client.advance(by: .seconds(20))
    let last = try #require(client.frames(.goAway).last)
    #expect(last.lastStream == call)
    #expect(String(decoding: last.payload[8...], as: UTF8.self) == "max_idle")
    #expect(client.server.isFinished)
  }

  @Test func aConnectionWithACallIsNeverIdle() throws {
    let client = EngineClient(life: Self.life { $0.maxIdle = .seconds(40) })
    try client.request(Sample.upload.path, endStream: false)
    for _ in 0..<100 { client.advance(by: .seconds(10)) }
    #expect(client.frames(.goAway).isEmpty)
  }

  @Test func aDrainOfTheServerIsNotBegunAgainByAge() {
    let client = EngineClient(life: Self.life { $0.maxAge = .seconds(60) })
    client.server.beginShutdown()
    client.exchange()
    client.advance(by: .seconds(60))
    client.advance(by: .seconds(20))
    #expect(client.frames(.goAway).map(\.lastStream) == [.max, 0])
    #expect(client.frames(.goAway).last?.payload.suffix(8) == Array("shutdown".utf8)[...])
  }
}
