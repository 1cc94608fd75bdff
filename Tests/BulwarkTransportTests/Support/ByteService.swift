import BulwarkCore
import NIOCore

/// A service below any message format, whose handlers a test replaces.
struct ByteService: RPCService {
  static let unary = RPCMethod.bytes("Unary", .unary)
  static let clientStream = RPCMethod.bytes("ClientStream", .clientStreaming)
  static let serverStream = RPCMethod.bytes("ServerStream", .serverStreaming)
  static let bidi = RPCMethod.bytes("Bidi", .bidirectional)

  /// Echoes.
  var unary: @Sendable (ByteBuffer, CallContext) async throws -> ByteBuffer = { message, _ in message }

  /// Answers with all requests in one.
  var clientStream: @Sendable (RequestStream<ByteBuffer>, CallContext) async throws -> ByteBuffer = {
    requests,
    _ in
    var all = ByteBuffer()
    for try await request in requests {
      all.writeImmutableBuffer(request)
    }
    return all
  }

  /// Answers three times with the request.
  var serverStream: @Sendable (ByteBuffer, ResponseWriter<ByteBuffer>, CallContext) async throws -> Void = {
    request,
    responses,
    _ in
    try await responses.write(contentsOf: [request, request, request])
  }

  /// Echoes each request.
  var bidi:
    @Sendable (RequestStream<ByteBuffer>, ResponseWriter<ByteBuffer>, CallContext) async throws -> Void = {
      requests,
      responses,
      _ in
      for try await request in requests {
        try await responses.write(request)
      }
    }

  func register(in registry: inout ServiceRegistry) {
    registry.unary(Self.unary, self.unary)
    registry.clientStreaming(Self.clientStream, self.clientStream)
    registry.serverStreaming(Self.serverStream, self.serverStream)
    registry.bidirectional(Self.bidi, self.bidi)
  }
}

extension RPCMethod<ByteBuffer, ByteBuffer> {
  static func bytes(_ name: String, _ kind: CallKind) -> Self {
    Self(
      MethodDescriptor(service: "test.Bytes", method: name, kind: kind),
      request: .bytes,
      response: .bytes
    )
  }
}

extension CallInvoker {
  /// A unary call of a `ByteService`, text in and text out.
  func echo(_ text: String, options: CallOptions = CallOptions()) async throws(RPCError) -> String {
    let response = try await self.unary(ByteService.unary, ByteBuffer(string: text), options: options)
    return String(buffer: response.message)
  }
}
