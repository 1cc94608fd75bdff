import GRPCCore

/// Bytes as they are: the peer is measured without the cost of any message codec, which is to its advantage.
struct RawSerializer: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}

/// Bytes as they are.
struct RawDeserializer: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}

/// `bench.Echo/Unary`.
struct Echo: RegistrableRPCService {
  static let unary = MethodDescriptor(
    service: ServiceDescriptor(fullyQualifiedService: "bench.Echo"),
    method: "Unary"
  )

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: Self.unary,
      deserializer: RawDeserializer(),
      serializer: RawSerializer()
    ) { request, _ in
      let single = try await ServerRequest(stream: request)
      return StreamingServerResponse(single: ServerResponse(message: single.message))
    }
  }
}
