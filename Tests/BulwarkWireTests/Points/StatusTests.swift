import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// How a status travels.
@Suite(.tags(.wirePoint)) struct StatusTests {
  // Point 1.
  @Test func aStatusMessageIsPercentEncodedButForPrintableASCII() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path)
    client.server.fail(stream, RPCError(code: .aborted, message: "50% über\nalles ~"))
    client.exchange()
    #expect(try client.seen(stream).grpcMessage == "50%25 %C3%BCber%0Aalles ~")
  }

  // Point 1.
  @Test(arguments: ["", "plain", "100 % ü\u{0}\r\n", "日本語 🎈", "%41", "a+b c"])
  func aStatusMessageArrivesAsItWas(message: String) {
    let pair = LinkedPair(
      handlers: [
        ScriptedHandler(Sample.unary) { _, _ in [.fail(RPCError(code: .aborted, message: message))] }
      ]
    )
    let call = pair.start(Sample.plan(Sample.unary))
    #expect(pair.run() == .done)
    let expected = RPCError(code: .aborted, message: message, origin: .remote)
    #expect(pair.calls[call].outcome == .failed(expected, isUnprocessed: false))
  }

  // Point 1.
  @Test(arguments: [("bad %zz %4", "bad %zz %4"), ("%ff%41", "\u{FFFD}A"), ("%", "%"), ("%C3%BC%2", "ü%2")])
  func aBrokenStatusMessageIsDeliveredAsFarAsItGoes(sent: String, received: String) throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(stream, EngineServer.headers + [("grpc-status", "10"), ("grpc-message", sent)])
    #expect(try server.failure(stream).message == received)
    #expect(try server.failure(stream).code == .aborted)
  }

  // Point 4.
  @Test func anErrorBeforeTheFirstMessageIsOneHeaderBlockAndNoData() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path)
    client.server.fail(stream, RPCError(code: .notFound, message: "no"))
    client.exchange()

    let frames = client.frames(of: stream).filter { $0.kind != .windowUpdate }
    #expect(frames.map(\.kind) == [.headers])
    #expect(frames.first?.flags.contains([.endStream, .endHeaders]) == true)
    let block = try #require(try client.seen(stream).blocks.first)
    #expect(Set(block.fields.keys) == [":status", "content-type", "grpc-status", "grpc-message"])
    #expect(block[":status"] == "200" && block["grpc-status"] == "5")
  }

  // Point 4.
  @Test func aClientTakesAStatusInOneHeaderBlock() throws {
    let server = EngineServer()
    let stream = try server.call(Sample.chat, message: nil)
    server.answer(stream, EngineServer.headers + [("grpc-status", "0"), ("tail", "1")])
    let finished = server.outputs.compactMap {
      if case .streamFinished(stream, trailing: let trailing) = $0 { trailing } else { nil }
    }
    #expect(finished == [["tail": "1"]])
  }

  // Point 5.
  @Test(arguments: [0, 1, 16_384, 3 << 20])
  func trailersFollowTheLastByteOfTheBody(size: Int) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path)
    client.server.respond(stream, Sample.bytes(size))
    client.exchange()

    let kinds = client.frames(of: stream).filter { $0.kind != .windowUpdate }.map(\.kind)
    #expect(kinds.first == .headers && kinds.last == .headers)
    #expect(kinds.dropFirst().dropLast().allSatisfy { $0 == .data })
    let seen = try client.seen(stream)
    #expect(seen.body.count == size + 5)
    #expect(seen.trailers == StreamLog.Block(fields: ["grpc-status": ["0"]], endStream: true))
    #expect(seen.closed == .noError)
  }

  // Point 7.
  @Test func anEarlyStatusIsFollowedByAResetWithoutError() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.chat.path, endStream: false)
    client.server.fail(stream, RPCError(code: .outOfRange, message: "enough"))
    client.exchange()

    let frames = client.frames(of: stream).filter { $0.kind != .windowUpdate }
    #expect(frames.map(\.kind) == [.headers, .reset])
    #expect(frames.last?.errorCode == HTTP2ErrorCode.noError.rawValue)
    #expect(try client.seen(stream).grpcStatus == "11")
  }

  // Point 7.
  @Test func aClientKeepsTheStatusThatAResetWithoutErrorFollows() {
    let pair = LinkedPair(
      handlers: Sample.echo(replacing: Sample.upload) { _, input in
        if case .message = input { [.answer(Sample.text("early"))] } else { [] }
      }
    )
    let big = Sample.bytes(500_000)
    let call = pair.start(CallPlan(Sample.upload, sending: [big, big, big, big]))
    #expect(pair.run() == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(pair.calls[call].responses == [Sample.text("early")])
    #expect(pair.violations.isEmpty)
  }

  // Point 23.
  @Test func okIsSentAsTheDigitZero() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path)
    client.server.respond(stream, Sample.text("pong"))
    client.exchange()
    #expect(try client.seen(stream).trailers?["grpc-status"] == "0")
  }

  // Point 23.
  @Test(arguments: ["17", "255", "-1", "4000000000000000000000", "two", ""])
  func aStatusThatIsNoCodeIsUnknown(sent: String) throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(stream, EngineServer.headers + [("grpc-status", sent), ("grpc-message", "odd")])
    #expect(try server.failure(stream).code == .unknown)
    #expect(try server.failure(stream).message == "odd")
  }

  // Point 23.
  @Test(arguments: 1...16)
  func everyCodeArrivesAsItself(number: Int) throws {
    let code = StatusCode(wireValue: number)
    let pair = LinkedPair(
      handlers: [ScriptedHandler(Sample.unary) { _, _ in [.fail(RPCError(code: code, message: "x"))] }]
    )
    let call = pair.start(Sample.plan(Sample.unary))
    #expect(pair.run() == .done)
    #expect(pair.calls[call].outcome?.code == code)
  }
}
