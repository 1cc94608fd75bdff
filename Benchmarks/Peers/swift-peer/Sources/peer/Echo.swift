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

/// `bench.Echo`.
struct Echo: RegistrableRPCService {
  static let unary = method("Unary")

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(service: ServiceDescriptor(fullyQualifiedService: "bench.Echo"), method: name)
  }

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    func register(
      _ method: MethodDescriptor,
      handler:
        @escaping @Sendable (StreamingServerRequest<[UInt8]>) async throws -> StreamingServerResponse<[UInt8]>
    ) {
      router.registerHandler(forMethod: method, deserializer: RawDeserializer(), serializer: RawSerializer())
      {
        request,
        _ in
        try await handler(request)
      }
    }
    register(Self.unary) { request in
      let single = try await ServerRequest(stream: request)
      return StreamingServerResponse(single: ServerResponse(message: single.message))
    }
    register(Self.method("ClientStream")) { request in
      var last: [UInt8] = []
      for try await message in request.messages {
        last = message
      }
      return StreamingServerResponse(single: ServerResponse(message: last))
    }
    register(Self.method("ServerStream")) { request in
      let wanted = request.metadata[stringValues: "x-bench-messages"].first { _ in true } ?? "1"
      let single = try await ServerRequest(stream: request)
      guard let count = Int(wanted) else { throw RPCError(code: .invalidArgument, message: wanted) }
      return StreamingServerResponse { writer in
        for _ in 0..<count {
          try await writer.write(single.message)
        }
        return [:]
      }
    }
    register(Self.method("Bidi")) { request in
      StreamingServerResponse { writer in
        for try await message in request.messages {
          try await writer.write(message)
        }
        return [:]
      }
    }
  }
}
