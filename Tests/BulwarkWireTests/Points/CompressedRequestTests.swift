import BulwarkCompression
import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What a server makes of compression.
@Suite(.tags(.wirePoint)) struct CompressedRequestTests {
  private static let names: [(String, ZlibFormat)] = [("gzip", .gzip), ("deflate", .zlib)]

  private func request(
    _ client: EngineClient,
    _ encoding: String,
    _ body: [UInt8]
  ) throws -> HTTP2StreamID {
    try client.request(Sample.unary.path, [("grpc-encoding", encoding)], body: body)
  }

  private func message(_ client: EngineClient) -> [UInt8]? {
    guard case .startUnary(_, let message)? = client.outputs.first else { return nil }
    return Array(message.readableBytesView)
  }

  // Point 14.
  @Test(arguments: names)
  func aCompressedRequestReachesItsHandlerAsItWas(encoding: String, format: ZlibFormat) throws {
    let client = EngineClient()
    let plain = [UInt8](repeating: 7, count: 10_000)
    let stream = try self.request(client, encoding, Sample.compressed(plain, format))
    #expect(self.message(client) == plain)
    #expect(client.started.first?.context.requestCompression.description == encoding)
    client.server.respond(stream, Sample.text("ok"))
    client.exchange()
    #expect(try client.seen(stream).grpcStatus == "0")
    #expect(try client.seen(stream)["grpc-accept-encoding"] == "identity,gzip,deflate")
    #expect(try client.seen(stream)["grpc-encoding"] == nil)
  }

  // Point 14.
  @Test func aMessageMayStayPlainInACallThatCompresses() throws {
    let client = EngineClient()
    _ = try self.request(client, "gzip", Sample.framed([1, 2, 3]))
    #expect(self.message(client) == [1, 2, 3])
    #expect(client.started.first?.context.requestCompression == .identity)
  }

  // Point 14.
  @Test func whatAServerReadsIsItsChoice() throws {
    var compression = CompressionOptions()
    compression.accepted = [.deflate]
    let client = EngineClient(compression: compression)
    let refused = try client.seen(self.request(client, "gzip", Sample.compressed([1], .gzip)))
    #expect(refused.grpcStatus == "12")
    #expect(refused["grpc-accept-encoding"] == "identity,deflate")
    #expect(refused.grpcMessage?.contains("gzip") == true)
    #expect(client.started.isEmpty)
    _ = try self.request(client, "deflate", Sample.compressed([1], .zlib))
    #expect(self.message(client) == [1])
  }

  // Point 14.
  @Test func bytesThatAreNotWhatTheyAreSaidToBeFail() throws {
    let client = EngineClient()
    for body in [[1, 2, 3], [], ZlibFormat.zlib.bytes([1])] {
      let stream = try self.request(client, "gzip", Sample.framed(body, flag: 1))
      #expect(try client.seen(stream).grpcStatus == "13")
    }
    #expect(client.started.isEmpty)
    #expect(client.server.activeCalls == 0)
  }

  // Point 14.
  @Test(arguments: names)
  func aBombIsRefusedAtTheLimit(encoding: String, format: ZlibFormat) throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = 1 << 20
    let client = EngineClient(limits: limits)
    let bomb = Sample.compressed([UInt8](repeating: 0, count: 10_000_000), format)
    #expect(bomb.count < 11_000)
    let seen = try client.seen(self.request(client, encoding, bomb))
    #expect(seen.grpcStatus == "8")
    #expect(seen.grpcMessage?.contains("1048576 bytes") == true)
    #expect(client.started.isEmpty)
    #expect(client.server.activeCalls == 0)
  }

  // Point 14.
  @Test(arguments: [(100, "0"), (101, "8")])
  func theLimitIsThatOfTheMessageAndNotOfItsCompressedBytes(size: Int, status: String) throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = 100
    let client = EngineClient(limits: limits)
    let body = Sample.compressed([UInt8](repeating: 1, count: size), .gzip)
    let stream = try self.request(client, "gzip", body)
    client.server.respond(stream, Sample.text(""))
    client.exchange()
    #expect(try client.seen(stream).grpcStatus == status)
  }

  // Point 14.
  @Test(arguments: names, [1, 100, 70_000])
  func aMessageOfTheLimitIsTakenThoughItsCompressedBytesAreMore(
    named: (String, ZlibFormat),
    size: Int
  ) throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = size
    let client = EngineClient(limits: limits)
    var generator = SeededGenerator(seed: 3)
    let random = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let body = Sample.compressed(random, named.1)
    #expect(body.count > size + Int(MessageDeframer.prefixLength))
    _ = try self.request(client, named.0, body)
    #expect(self.message(client) == random)
  }

  // Point 14.
  @Test func aLengthThatNoMessageOfTheLimitHasIsRefusedBeforeItsBytesCome() throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = 1_024
    let client = EngineClient(limits: limits)
    for (length, isRefused) in [(1_024 + 1 + 64, false), (1_024 + 1 + 65, true)] {
      let declared = withUnsafeBytes(of: UInt32(length).bigEndian) { [1] + Array($0) }
      let stream = try client.request(
        Sample.unary.path,
        [("grpc-encoding", "gzip")],
        body: declared,
        endStream: false
      )
      #expect((client.log.streams[stream]?.grpcStatus == "8") == isRefused)
    }
  }

  @Test func aRequestThatIsBeingCollectedCountsAsWhatItTakes() throws {
    let client = EngineClient()
    let body = Sample.compressed([UInt8](repeating: 1, count: 100_000), .gzip)
    try client.request(Sample.unary.path, [("grpc-encoding", "gzip")], body: body, endStream: false)
    #expect(client.server.collectingBytes == body.count)
    #expect(client.started.isEmpty)
  }

  @Test func bombAfterBombEndsTheConnection() throws {
    var limits = WireLimits()
    limits.maxReceiveMessageBytes = 1_000
    let client = EngineClient(limits: limits)
    let bomb = Sample.compressed([UInt8](repeating: 0, count: 10_000), .gzip)
    var sent = 0
    while !client.server.isFinished, sent < 3_000 {
      _ = try? self.request(client, "gzip", bomb)
      sent += 1
    }
    #expect(sent < 3_000)
  }

  // MARK: - Responses

  /// A response of 5,000 equal bytes, as it stands on the wire, to a client that reads these encodings.
  private func response(
    accepting: String?,
    default algorithm: CompressionAlgorithm = .identity,
    size: Int = 5_000,
    _ choose: (CallContext) -> Void = { _ in }
  ) throws -> (encoding: String?, flag: UInt8?, length: Int) {
    var compression = CompressionOptions()
    compression.algorithm = algorithm
    let client = EngineClient(compression: compression)
    let stream = try client.request(Sample.unary.path, [("grpc-accept-encoding", accepting)])
    let context = try #require(client.started.first?.context)
    choose(context)
    let message = ByteBuffer(repeating: 1, count: size)
    let compressed = client.server.responseCompression.settled(by: context).compressed(message)
    client.server.respond(stream, compressed ?? message, isCompressed: compressed != nil)
    client.exchange()
    let data = client.frames(of: stream).filter { $0.kind == .data }.flatMap(\.payload)
    return (try client.seen(stream)["grpc-encoding"], data.first, data.count)
  }

  // Point 14.
  @Test(arguments: [("gzip", CompressionAlgorithm.gzip), ("identity, deflate , gzip", .deflate)])
  func aResponseIsCompressedWithTheDefaultIfTheClientReadsIt(
    list: String,
    algorithm: CompressionAlgorithm
  ) throws {
    let (encoding, flag, length) = try self.response(accepting: list, default: algorithm)
    #expect(encoding == algorithm.description)
    #expect(flag == 1)
    #expect(length < 100)
  }

  // Point 14.
  @Test(arguments: [nil, "", "identity", "deflate", "gzipped,x-gzip", "GZIP", ",,,"])
  func aClientThatDoesNotReadTheAlgorithmGetsPlainMessages(list: String?) throws {
    let (encoding, flag, length) = try self.response(accepting: list, default: .gzip) {
      $0.compressResponses(with: .gzip)
    }
    #expect(encoding == nil)
    #expect(flag == 0)
    #expect(length == 5_005)
  }

  @Test func aHandlerChoosesForItsCall() throws {
    let chosen = try self.response(accepting: "gzip,deflate") { $0.compressResponses(with: .deflate) }
    #expect(chosen.encoding == "deflate" && chosen.flag == 1)
    let none = try self.response(accepting: "gzip", default: .gzip) { $0.compressResponses(with: .identity) }
    #expect(none.encoding == nil && none.flag == 0)
  }

  @Test func aSmallMessageStaysPlainUnlessTheHandlerHasAsked() throws {
    let small = try self.response(accepting: "gzip", default: .gzip, size: 1_023)
    #expect(small.encoding == "gzip" && small.flag == 0)
    let large = try self.response(accepting: "gzip", default: .gzip, size: 1_024)
    #expect(large.flag == 1)
    let asked = try self.response(accepting: "gzip", size: 0) { $0.compressResponses(with: .gzip) }
    #expect(asked.flag == 1)
  }

  @Test func aChoiceAfterTheFirstResponseIsTooLate() throws {
    let (encoding, flag, _) = try self.response(accepting: "gzip") { context in
      _ = context.settleCompression()
      context.compressResponses(with: .gzip)
      #expect(context.responseCompression == .identity)
    }
    #expect(encoding == nil && flag == 0)
  }
}
