import BulwarkCompression
import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What a client makes of compression.
@Suite(.tags(.wirePoint)) struct CompressedResponseTests {
  private func answer(
    _ server: EngineServer,
    _ encoding: String,
    _ body: [UInt8],
    maxResponseBytes: Int = 4 << 20
  ) throws -> HTTP2StreamID {
    let stream = try server.call(maxResponseBytes: maxResponseBytes)
    server.answer(
      stream,
      EngineServer.headers + [("grpc-encoding", encoding)],
      body: body,
      trailers: [("grpc-status", "0")]
    )
    return stream
  }

  // Point 14.
  @Test(arguments: [(CompressionAlgorithm.gzip, ZlibFormat.gzip), (.deflate, .zlib)])
  func aCompressedResponseReachesItsCallerAsItWas(
    algorithm: CompressionAlgorithm,
    format: ZlibFormat
  ) throws {
    let server = EngineServer()
    let plain = [UInt8](repeating: 7, count: 10_000)
    let stream = try self.answer(server, algorithm.description, Sample.compressed(plain, format))
    let answer = try #require(server.answers(stream).first)
    #expect(Array(answer.message.readableBytesView) == plain)
    #expect(answer.compression == algorithm)
  }

  // Point 14.
  @Test func anEncodingThatWasNotOfferedFailsThoughItIsKnown() throws {
    let server = EngineServer(accepting: [.deflate])
    let stream = try self.answer(server, "gzip", Sample.compressed([1], .gzip))
    #expect(try server.failure(stream).code == .internalError)
    #expect(try server.failure(stream).message.contains("gzip"))
    #expect(server.log.streams[stream]?["grpc-accept-encoding"] == "identity,deflate")
  }

  @Test func aClientThatReadsPlainMessagesOnlyOffersNothing() throws {
    let server = EngineServer(accepting: [])
    let stream = try server.call()
    #expect(server.log.streams[stream]?["grpc-accept-encoding"] == nil)
  }

  // Point 14.
  @Test func aBombIsRefusedAtTheLimitOfItsCall() throws {
    let server = EngineServer()
    let bomb = Sample.compressed([UInt8](repeating: 0, count: 10_000_000), .gzip)
    let stream = try self.answer(server, "gzip", bomb, maxResponseBytes: 1 << 20)
    let error = try server.failure(stream)
    #expect(error.code == .resourceExhausted)
    #expect(error.message.contains("1048576 bytes"))
    #expect(server.answers(stream).isEmpty)
  }

  // Point 14.
  @Test func bytesThatAreNotWhatTheyAreSaidToBeFail() throws {
    let server = EngineServer()
    let stream = try self.answer(server, "deflate", Sample.framed([1, 2, 3], flag: 1))
    #expect(try server.failure(stream).code == .internalError)
    #expect(try server.failure(stream).origin == .transport)
  }

  @Test func aRequestSaysWhatItIsCompressedWithAndMarksItsMessages() throws {
    let server = EngineServer()
    let request = ClientRequest(method: Sample.chat, compression: .gzip)
    let started = try server.client.start(request, onlyMessage: nil, now: server.clock.now)
    let stream = try #require(started)
    try server.client.sendMessage(stream, Sample.text("packed"), isCompressed: true)
    try server.client.sendMessage(stream, Sample.text("plain"))
    server.exchange()
    #expect(server.log.streams[stream]?["grpc-encoding"] == "gzip")
    let data = server.frames.filter { $0.stream == stream && $0.kind == .data }.flatMap(\.payload)
    #expect(data == Sample.framed(Array("packed".utf8), flag: 1) + Sample.framed(Array("plain".utf8)))
  }

  @Test(arguments: Sample.all, [CompressionAlgorithm.gzip, .deflate])
  func everyKindOfCallCanCompressBothWays(
    method: MethodDescriptor,
    algorithm: CompressionAlgorithm
  ) throws {
    var configuration = LinkedPair.Configuration()
    configuration.serverCompression.algorithm = algorithm
    let pair = LinkedPair(handlers: Sample.echo, configuration)
    var plan = Sample.plan(method, count: 5, size: 20_000)
    plan.compression = algorithm
    let call = pair.start(plan)
    #expect(pair.run() == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(pair.calls[call].handler?.requests == pair.calls[call].requests)
    #expect(pair.calls[call].responses == pair.calls[call].handler?.responses)
    #expect(pair.violations.isEmpty)
  }

  @Test func aBombInAStreamFailsTheCallAndNotTheConnection() throws {
    var configuration = LinkedPair.Configuration()
    configuration.server.maxReceiveMessageBytes = 1_000
    let pair = LinkedPair(handlers: Sample.echo, configuration)
    var plan = CallPlan(Sample.chat, sending: [ByteBuffer(repeating: 0, count: 1_001)])
    plan.compression = .gzip
    let bomb = pair.start(plan)
    #expect(pair.run() == .done)
    #expect(pair.calls[bomb].outcome?.code == .resourceExhausted)
    #expect(pair.calls[bomb].handler?.requests.isEmpty == true)
    let next = pair.start(Sample.plan(Sample.chat))
    #expect(pair.run() == .done)
    #expect(pair.calls[next].outcome?.code == .ok)
  }
}
