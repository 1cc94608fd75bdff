import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What a client makes of a response.
@Suite(.tags(.wirePoint)) struct ResponseTests {
  // Point 9.
  @Test(
    arguments: [
      (400, StatusCode.internalError), (401, .unauthenticated), (403, .permissionDenied),
      (404, .unimplemented), (429, .unavailable), (431, .internalError), (500, .unknown), (502, .unavailable),
      (503, .unavailable), (504, .unavailable), (302, .unknown), (418, .unknown),
    ]
  )
  func anHTTPErrorWithoutAStatusIsMapped(http: Int, code: StatusCode) throws {
    let server = EngineServer()
    let alone = try server.call()
    server.answer(alone, [(":status", "\(http)")])
    #expect(try server.failure(alone).code == code)

    let withBody = try server.call()
    server.answer(withBody, [(":status", "\(http)"), ("content-type", "text/html")], body: [60, 62])
    #expect(try server.failure(withBody).code == code)
    #expect(try server.failure(withBody).origin == .transport)
  }

  // Point 9.
  @Test func aStatusInAnHTTPErrorIsBelieved() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(
      stream,
      [(":status", "503"), ("content-type", "application/grpc"), ("grpc-status", "8"), ("grpc-message", "m")]
    )
    #expect(
      try server.failure(stream) == RPCError(code: .resourceExhausted, message: "m", origin: .remote)
    )
  }

  // Point 9.
  @Test(arguments: [nil, Sample.framed([1])])
  func aResponseThatEndsWithoutAStatusIsUnknown(body: [UInt8]?) throws {
    let server = EngineServer()
    let ended = try server.call()
    server.answer(ended, body: body)
    #expect(try server.failure(ended).code == .unknown)

    let trailers = try server.call()
    server.answer(trailers, body: body, trailers: [("other", "1")])
    #expect(try server.failure(trailers).code == .unknown)
  }

  // Point 9.
  @Test func informationalResponsesAreSkipped() throws {
    let server = EngineServer()
    let stream = try server.call()
    for status in ["100", "103"] {
      server.inject(.headers(stream, HeaderBlock.literals([(":status", status), ("link", "x")])))
    }
    server.answer(stream, body: Sample.framed([5]), trailers: [("grpc-status", "0")])
    let answer = try #require(server.answers(stream).first)
    #expect(Array(answer.message.readableBytesView) == [5])
    #expect(answer.metadata.isEmpty)
    #expect(server.failures(stream).isEmpty)
  }

  // Point 8.
  @Test(arguments: [nil, "text/plain", "application/grpcfoo"])
  func aResponseOfAnotherMediaTypeIsUnknown(type: String?) throws {
    let server = EngineServer()
    let stream = try server.call()
    let headers = [(":status", "200")] + (type.map { [("content-type", $0)] } ?? [])
    #expect(server.session.sendHeaders(stream, EngineServer.fields(headers), endStream: false))
    server.exchange()
    #expect(try server.failure(stream).code == .unknown)
    #expect(server.log.streams[stream]?.closed == .cancel)
  }

  // Point 10.
  @Test(
    arguments: [
      (HTTP2ErrorCode.noError, StatusCode.internalError), (.protocolError, .internalError),
      (.internalError, .internalError), (.flowControlError, .internalError),
      (.settingsTimeout, .internalError),
      (.frameSizeError, .internalError), (.refusedStream, .unavailable), (.cancel, .cancelled),
      (.compressionError, .internalError), (.connectError, .internalError),
      (.enhanceYourCalm, .resourceExhausted), (.inadequateSecurity, .permissionDenied),
      (.http11Required, .internalError), (HTTP2ErrorCode(rawValue: 77), .internalError),
    ],
    [Sample.unary, Sample.chat]
  )
  func aResetIsMapped(_ reset: (HTTP2ErrorCode, StatusCode), method: MethodDescriptor) throws {
    let server = EngineServer()
    let stream = try server.call(method, message: method.kind == .unary ? Sample.text("") : nil)
    server.session.reset(stream, reset.0, isGlitch: false)
    server.exchange()
    let failure = try #require(server.failures(stream).first)
    #expect(server.failures(stream).count == 1)
    #expect(failure.error.code == reset.1)
    #expect(failure.isUnprocessed == (reset.0 == .refusedStream))
  }

  // Point 14.
  @Test func aResponseEncodingThatWasNotOfferedFails() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(
      stream,
      EngineServer.headers + [("grpc-encoding", "br")],
      body: Sample.framed([1], flag: 1),
      trailers: [("grpc-status", "0")]
    )
    #expect(try server.failure(stream).code == .internalError)
    #expect(try server.failure(stream).message.contains("br"))
  }

  // Point 14.
  @Test(arguments: [[], [("grpc-encoding", "identity")]])
  func aResponseMarkedAsCompressedWithoutAnEncodingFails(encoding: [(String, String)]) throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(
      stream,
      EngineServer.headers + encoding,
      body: Sample.framed([1], flag: 1),
      trailers: [("grpc-status", "0")]
    )
    #expect(try server.failure(stream).code == .internalError)
  }

  // Point 17.
  @Test(arguments: [[UInt8](), Sample.framed([1]) + Sample.framed([2])])
  func aUnaryResponseWithoutExactlyOneMessageIsUnimplemented(body: [UInt8]) throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(stream, body: body, trailers: [("grpc-status", "0")])
    #expect(try server.failure(stream).code == .unimplemented)
  }

  // Point 17.
  @Test func aUnaryResponseThatEndsInsideItsMessageFails() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(stream, body: [0, 0, 0, 0, 5, 1, 2], trailers: [("grpc-status", "0")])
    #expect(try server.failure(stream).code == .internalError)
  }

  // Point 18.
  @Test(arguments: [(100, true), (101, false)])
  func aResponseUpToTheLimitIsTakenAndOneByteMoreIsNot(size: Int, isTaken: Bool) throws {
    let server = EngineServer()
    let stream = try server.call(maxResponseBytes: 100)
    let body = Sample.framed([UInt8](repeating: 1, count: size))
    server.answer(stream, body: body, trailers: [("grpc-status", "0")])
    if isTaken {
      #expect(server.answers(stream).count == 1)
    } else {
      #expect(try server.failure(stream).code == .resourceExhausted)
    }
  }
}
