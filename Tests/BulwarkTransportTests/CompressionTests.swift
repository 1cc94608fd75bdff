import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// Compression over a socket, as callers and handlers see it.
@Suite(.timeLimit(.minutes(1))) struct CompressionTests {
  private let large = ByteBuffer(repeating: 7, count: 100_000)

  private static func compressing(_ algorithm: CompressionAlgorithm) -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.compression.algorithm = algorithm
    return configuration
  }

  private static func compressing(_ algorithm: CompressionAlgorithm) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.compression.algorithm = algorithm
    return configuration
  }

  /// A service that answers with the name of what its request was compressed with.
  private static let naming = ByteService(
    unary: { _, context in ByteBuffer(string: "\(context.requestCompression)") },
    bidi: { requests, responses, _ in
      for try await _ in requests {
        try await responses.write(ByteBuffer(string: "\(requests.latestCompression)"))
      }
    }
  )

  @Test(arguments: CompressionAlgorithm.allCases)
  func bothEndsCompressWithTheirDefault(algorithm: CompressionAlgorithm) async throws {
    try await withConnection(
      to: ByteService(),
      server: Self.compressing(algorithm),
      client: Self.compressing(algorithm)
    ) { client in
      let response = try await client.unary(ByteService.unary, self.large)
      #expect(response.message == self.large)
      #expect(response.compression == algorithm)
      let collected = try await client.clientStreaming(ByteService.clientStream) { requests in
        try await requests.write(contentsOf: [self.large, self.large])
      }
      #expect(collected.message.readableBytes == 200_000)
      #expect(collected.compression == algorithm)
      let responses = client.serverStreaming(ByteService.serverStream, self.large)
      for try await response in responses {
        #expect(response == self.large)
        #expect(responses.latestCompression == algorithm)
      }
    }
  }

  @Test func aCallChoosesForItself() async throws {
    try await withConnection(to: Self.naming, client: Self.compressing(.gzip)) { client in
      let small = ByteBuffer(string: "small")
      var seen: [String] = []
      for choice in [nil, CompressionAlgorithm.identity, .deflate] {
        let options = CallOptions(compression: choice)
        for message in [small, self.large] {
          let response = try await client.unary(ByteService.unary, message, options: options)
          seen.append(String(buffer: response.message))
        }
      }
      // A small message is left alone by the default, and compressed by a call that asks.
      #expect(seen == ["identity", "gzip", "identity", "identity", "deflate", "deflate"])
    }
  }

  @Test func aWriterChoosesForEachMessage() async throws {
    try await withConnection(to: Self.naming) { client in
      let seen = try await client.bidirectional(
        ByteService.bidi,
        options: CallOptions(compression: .gzip)
      ) { requests, responses in
        try await requests.write(self.large)
        try await requests.write(self.large, compressed: false)
        try await requests.write(self.large, compressed: true)
        requests.finish()
        return try await responses.reduce(into: [String]()) { $0.append(String(buffer: $1)) }
      }
      #expect(seen == ["gzip", "identity", "gzip"])
    }
  }

  @Test func aHandlerChoosesForItsCallAndForEachMessage() async throws {
    let service = ByteService(
      unary: { message, context in
        context.compressResponses(with: .deflate)
        return message
      },
      serverStream: { message, responses, context in
        context.compressResponses(with: .gzip)
        try await responses.write(message)
        // The headers say gzip by now.
        context.compressResponses(with: .deflate)
        try await responses.write(message, compressed: false)
        try await responses.write(message)
      }
    )
    try await withConnection(to: service) { client in
      #expect(try await client.unary(ByteService.unary, self.large).compression == .deflate)
      let responses = client.serverStreaming(ByteService.serverStream, self.large)
      var seen: [CompressionAlgorithm] = []
      for try await response in responses {
        #expect(response == self.large)
        seen.append(responses.latestCompression)
      }
      #expect(seen == [.gzip, .identity, .gzip])
    }
  }

  @Test func aClientGetsNothingThatItDoesNotRead() async throws {
    var configuration = ClientConfiguration.impatient
    configuration.compression.accepted = [.deflate]
    try await withConnection(
      to: ByteService(),
      server: Self.compressing(.gzip),
      client: configuration
    ) { client in
      let response = try await client.unary(ByteService.unary, self.large)
      #expect(response.message == self.large)
      #expect(response.compression == .identity)
    }
  }

  @Test func aServerThatDoesNotReadTheAlgorithmSaysWhatItReads() async throws {
    var configuration = ServerConfiguration()
    configuration.compression.accepted = []
    try await withConnection(to: ByteService(), server: configuration) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.unary(ByteService.unary, self.large, options: CallOptions(compression: .gzip))
      }
      #expect(error?.code == .unimplemented)
      #expect(error?.message == "grpc-encoding \"gzip\" is none of those supported: identity")
    }
  }

  @Test(arguments: [ByteService.unary, ByteService.bidi])
  func aMessageAboveTheLimitOnceDecompressedFails(
    method: RPCMethod<ByteBuffer, ByteBuffer>
  ) async throws {
    var configuration = ServerConfiguration()
    configuration.limits.maxReceiveMessageBytes = 99_999
    try await withConnection(to: ByteService(), server: configuration) { client in
      let options = CallOptions(compression: .gzip)
      let error = await #expect(throws: RPCError.self) {
        if method.descriptor.kind == .unary {
          _ = try await client.unary(method, self.large, options: options)
        } else {
          try await client.bidirectional(method, options: options) { requests, responses in
            try await requests.write(self.large)
            for try await _ in responses {}
          }
        }
      }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message == "a message is larger than the limit of 99999 bytes once decompressed")
      let next = try await client.echo("still here")
      #expect(next == "still here")
    }
  }

  @Test func aResponseAboveTheCallsLimitOnceDecompressedFails() async throws {
    try await withConnection(to: ByteService(), server: Self.compressing(.gzip)) { client in
      let options = CallOptions(maxResponseBytes: 99_999)
      let error = await #expect(throws: RPCError.self) {
        for try await _ in client.serverStreaming(ByteService.serverStream, self.large, options: options) {}
      }
      #expect(error?.code == .resourceExhausted)
      let next = try await client.echo("still here")
      #expect(next == "still here")
    }
  }

  @Test func aMessageThatIsTooLargeToSendFailsAsItWouldWithoutCompression() async throws {
    var configuration: ClientConfiguration = Self.compressing(.gzip)
    configuration.limits.maxSendMessageBytes = 99_999
    try await withConnection(to: ByteService(), client: configuration) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.unary(ByteService.unary, self.large)
      }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message.contains("for sending") == true)
    }
  }

  // MARK: - With interceptors

  @Test func interceptorsSeeMessagesAsTheyAre() async throws {
    try await withConnection(to: ByteService(), server: Self.compressing(.gzip)) { client in
      let sizes = Mutex<[Int]>([])
      let watched = client.intercepted(by: [SizeWatcher { size in sizes.withLock { $0.append(size) } }])
      let response = try await watched.unary(
        ByteService.unary,
        self.large,
        options: CallOptions(compression: .gzip)
      )
      #expect(response.compression == .gzip)
      #expect(sizes.withLock { $0 } == [100_000, 100_000])
      let stream = watched.serverStreaming(ByteService.serverStream, self.large)
      for try await _ in stream {
        #expect(stream.latestCompression == .gzip)
      }
    }
  }

  @Test func aStreamThatIsMadeAgainKeepsWhatItsWriterSaidOfEachMessage() async throws {
    try await withConnection(to: Self.failingFirst()) { client in
      let retried = client.intercepted(by: [TwoAttempts()])
      let seen = try await retried.bidirectional(
        ByteService.bidi,
        options: CallOptions(compression: .gzip)
      ) { requests, responses in
        try await requests.write(self.large, compressed: false)
        try await requests.write(self.large)
        requests.finish()
        return try await responses.reduce(into: [String]()) { $0.append(String(buffer: $1)) }
      }
      #expect(seen == ["identity", "gzip"])
    }
  }

  /// The naming service, whose streams fail the first time when all requests are in.
  private static func failingFirst() -> ByteService {
    let calls = Mutex(0)
    return ByteService(bidi: { requests, responses, _ in
      var names: [ByteBuffer] = []
      for try await _ in requests {
        names.append(ByteBuffer(string: "\(requests.latestCompression)"))
      }
      let isFirst = calls.withLock { calls in
        calls += 1
        return calls == 1
      }
      if isFirst { throw RPCError(code: .unavailable, message: "not yet") }
      try await responses.write(contentsOf: names)
    })
  }
}

/// Tells the size of each message that passes.
private struct SizeWatcher: Interceptor {
  let saw: @Sendable (Int) -> Void

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    var request = request
    request.onRequestMessage { (message) throws(RPCError) in self.saw(message.readableBytes) }
    request.onResponseMessage { (message) throws(RPCError) in self.saw(message.readableBytes) }
    return try await next(request)
  }
}

/// Makes a second attempt if the first fails.
private struct TwoAttempts: Interceptor {
  var level: InterceptorLevel { .reissue }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    request.keepRequests(upTo: 1 << 20)
    do {
      return try await next(request)
    } catch {
      guard request.canBeReissued else { throw error }
      return try await next(request)
    }
  }
}
