import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What happens to a call that goes above a limit, its handler's or its peer's.
@Suite struct LimitTests {
  private func client(_ change: (inout WireLimits) -> Void) -> EngineClient {
    var limits = WireLimits()
    change(&limits)
    return EngineClient(limits: limits)
  }

  // MARK: - What a handler sends

  @Test func aResponseAboveTheLimitBecomesAStatus() throws {
    let client = self.client { $0.maxSendMessageBytes = 10 }
    let stream = try client.request()
    client.server.respond(stream, Sample.bytes(11))
    client.exchange()
    #expect(try client.seen(stream).grpcStatus == "8")
    #expect(try client.seen(stream).body.isEmpty)
  }

  @Test func aLaterMessageAboveTheLimitEndsTheStreamAndTellsTheWriter() throws {
    let client = self.client { $0.maxSendMessageBytes = 10 }
    let stream = try client.request(Sample.download.path)
    #expect(client.server.sendMessage(stream, Sample.bytes(10)) == nil)
    #expect(client.server.sendMessage(stream, Sample.bytes(11))?.code == .resourceExhausted)
    #expect(client.server.sendMessage(stream, Sample.bytes(1)) == nil)
    client.exchange()
    #expect(try client.seen(stream).body.count == 15)
    #expect(try client.seen(stream).trailers?["grpc-status"] == "8")
  }

  @Test(arguments: [
    ("a b", "1"), ("key", "line\nbreak"), ("grpc-x", "1"), ("key", String(repeating: "x", count: 20_000)),
  ])
  func metadataThatCannotBeSentFailsTheCallButNeverItsStatus(name: String, value: String) throws {
    let client = EngineClient()
    let initial = try client.request()
    client.started.last?.context.addInitialMetadata(value, for: name)
    client.server.respond(initial, Sample.text("x"))
    let trailing = try client.request()
    client.started.last?.context.addTrailingMetadata(value, for: name)
    client.server.respond(trailing, Sample.text("x"))
    let failed = try client.request()
    client.server.fail(failed, RPCError(code: .aborted, message: "m", metadata: [name: value]))
    let late = try client.request(Sample.download.path)
    #expect(client.server.sendMessage(late, Sample.text("x")) == nil)
    client.server.fail(late, RPCError(code: .aborted, message: "m", metadata: [name: value]))
    let finished = try client.request(Sample.chat.path)
    client.started.last?.context.addInitialMetadata(value, for: name)
    client.server.finish(finished)
    client.exchange()

    #expect(try client.seen(initial).grpcStatus == "13")
    #expect(try client.seen(trailing).grpcStatus == "13")
    #expect(try client.seen(failed).grpcStatus == "10" && client.seen(failed).grpcMessage == "m")
    #expect(try client.seen(late).grpcStatus == "10")
    #expect(try client.seen(finished).grpcStatus == "13")
  }

  @Test func theMetadataOfAnErrorStandsInTheTrailers() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.download.path)
    #expect(client.server.sendMessage(stream, Sample.text("x")) == nil)
    client.started.last?.context.addTrailingMetadata("1", for: "mine")
    client.server.fail(stream, RPCError(code: .aborted, message: "m", metadata: ["its": "2"]))
    client.exchange()
    let trailers = try #require(try client.seen(stream).trailers)
    #expect(trailers["mine"] == "1" && trailers["its"] == "2" && trailers["grpc-status"] == "10")
  }

  @Test func aLongStatusMessageIsCutAndTheStatusSent() throws {
    let client = self.client { $0.maxStatusMessageBytes = 20 }
    let stream = try client.request()
    client.server.fail(stream, RPCError(code: .aborted, message: String(repeating: "ü", count: 5_000)))
    client.exchange()
    #expect(try client.seen(stream).grpcStatus == "10")
    #expect(try client.seen(stream).grpcMessage == "%C3%BC%C3%BC%C3%BC")
  }

  @Test func nothingIsSentForACallThatIsOver() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.chat.path)
    client.server.finish(stream)
    client.exchange()
    let count = client.frames.count
    client.server.finish(stream)
    client.server.respond(stream, Sample.text("late"))
    client.server.fail(stream, RPCError(code: .aborted, message: "late"))
    #expect(client.server.sendMessage(stream, Sample.text("late")) == nil)
    #expect(!client.server.isBackedUp(stream))
    client.server.consumed(stream, bytes: 1)
    client.exchange()
    #expect(client.frames.count == count)
  }

  // MARK: - What a client sends

  @Test func aRequestAboveTheLimitIsNotSent() throws {
    var limits = WireLimits()
    limits.maxSendMessageBytes = 10
    let server = EngineServer(limits: limits)
    let error = #expect(throws: RPCError.self) {
      _ = try server.call(message: Sample.bytes(11))
    }
    #expect(error?.code == .resourceExhausted && error?.origin == .local)
    #expect(server.log.streams.isEmpty)

    let stream = try server.call(Sample.chat, message: nil)
    #expect(throws: RPCError.self) { try server.client.sendMessage(stream, Sample.bytes(11)) }
    try server.client.sendMessage(stream, Sample.bytes(10))
    server.exchange()
    #expect(server.log.streams[stream]?.body.count == 15)
  }

  @Test func trailersOfAClientAreTheEndOfItsRequests() throws {
    let client = EngineClient()
    let stream = try client.request(endStream: false)
    #expect(client.started.isEmpty)
    client.inject(.headers(stream, HeaderBlock.literals([("x", "1")]), flags: [.endHeaders, .endStream]))
    #expect(client.started.map(\.id) == [stream])
  }

  // MARK: - What a peer may hold

  @Test func callsAboveTheLimitOfHandlersAreRefusedUntilOneReturns() {
    var configuration = LinkedPair.Configuration()
    configuration.server.maxRunningHandlers = 2
    let pair = LinkedPair(handlers: Sample.slow(.seconds(1)), configuration)
    let calls = (0..<3).map { _ in pair.start(Sample.plan(Sample.unary)) }
    #expect(pair.run() == .done)
    #expect(calls.map { pair.calls[$0].outcome?.code } == [.ok, .ok, .unavailable])
    guard case .failed(_, isUnprocessed: true)? = pair.calls[calls[2]].outcome else {
      Issue.record("the refused call is not marked as unprocessed")
      return
    }
    let later = pair.start(Sample.plan(Sample.unary))
    #expect(pair.run() == .done)
    #expect(pair.calls[later].outcome?.code == .ok)
  }

  @Test func unfinishedRequestsHaveABoundTogether() throws {
    let client = self.client { $0.maxCollectingBytes = 100 }
    let first = try client.request(
      body: [0, 0, 0, 1, 0] + [UInt8](repeating: 1, count: 60),
      endStream: false
    )
    #expect(client.server.activeCalls == 1)
    let second = try client.request(
      body: [0, 0, 0, 1, 0] + [UInt8](repeating: 1, count: 60),
      endStream: false
    )
    #expect(try client.seen(second).grpcStatus == "8")
    #expect(client.server.activeCalls == 1)
    // The room of the one that was turned away is there again.
    let third = try client.request(body: [0, 0, 0, 1, 0], endStream: false)
    #expect(client.log.streams[third]?.grpcStatus == nil && client.log.streams[first]?.grpcStatus == nil)
    #expect(client.server.activeCalls == 2)
  }

  @Test func aHeaderListAboveTheLimitsIsAnsweredWithAStatus() throws {
    let client = EngineClient()
    let large = try client.request(Sample.unary.path, [("x", String(repeating: "y", count: 20_000))])
    #expect(try client.seen(large).grpcStatus == "8")
    let many = try client.request(Sample.unary.path, (0..<200).map { ("x\($0)", "y") })
    #expect(try client.seen(many).grpcStatus == "8")
    #expect(client.started.isEmpty)
  }

  @Test func aSchemeThatIsNotHTTPIsAnswered400() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [(":scheme", "ftp")])
    #expect(try client.seen(stream)[":status"] == "400")
  }
}
