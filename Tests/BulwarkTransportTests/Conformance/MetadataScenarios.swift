import BulwarkCore
import NIOCore

extension TransportScenario {
  /// What goes beside messages.
  static let metadata: [TransportScenario] = [
    TransportScenario("metadata both ways", services: { .answeringWith($0, .sample) }) { stage in
      var metadata = Metadata.sample
      metadata.add("  some space \t", for: "x-space")
      metadata.add("Upper", for: "X-UPPER")
      metadata.add("2", for: "grpc-previous-rpc-attempts")
      await stage.unary("m", options: CallOptions(metadata: metadata))
      await stage.stream("m", options: CallOptions(metadata: metadata))
    },
    TransportScenario("metadata that cannot be sent", services: { .answeringWith($0, [:]) }) { stage in
      for metadata in Metadata.illegal {
        await stage.unary("m", options: CallOptions(metadata: metadata))
        await stage.stream("m", options: CallOptions(metadata: metadata))
      }
    },
    TransportScenario("metadata of a response that cannot be sent", services: { _ in .obeying }) { stage in
      for index in Metadata.illegal.indices {
        for place in ["initial", "trailing", "error"] {
          await stage.unary("\(place) \(index)")
          await stage.stream("\(place) \(index)")
        }
      }
    },
    TransportScenario(
      "an error with all it can have",
      services: { _ in
        ByteService(
          unary: { _, context in
            context.addInitialMetadata("lost", for: "x-initial")
            context.addTrailingMetadata("kept", for: "x-trailing")
            throw RPCError(code: .aborted, message: "", metadata: .sample)
          },
          serverStream: { request, responses, context in
            context.addInitialMetadata("there", for: "x-initial")
            try await responses.write(request)
            context.addInitialMetadata("too late", for: "x-initial")
            context.addTrailingMetadata("kept", for: "x-trailing")
            throw RPCError(code: .aborted, message: "", metadata: .sample)
          }
        )
      }
    ) { stage in
      await stage.unary("e")
      await stage.stream("e")
    },
    TransportScenario(
      "a message and details that are too long",
      services: { _ in
        ByteService(unary: { request, _ in
          var metadata: Metadata = ["x-kept": "k"]
          metadata.add(
            binary: [UInt8](repeating: 7, count: request.readableBytes),
            for: "grpc-status-details-bin"
          )
          throw RPCError(
            code: .aborted,
            message: String(repeating: "é", count: request.readableBytes),
            metadata: metadata
          )
        })
      }
    ) { stage in
      for length in [1, 600, 1_000, 4_000, 12_000, 17_000] {
        await stage.unary(String(repeating: "x", count: length))
      }
    },
  ]
}

extension Metadata {
  fileprivate static var sample: Metadata {
    var metadata: Metadata = ["x-text": "one", "x-twice": "first"]
    metadata.add("second, and more", for: "x-twice")
    metadata.add("", for: "x-empty")
    metadata.add(binary: [0, 1, 255, 44], for: "x-bytes-bin")
    metadata.add(binary: [], for: "x-bytes-bin")
    metadata.add(binary: [9], for: "x-bytes-bin")
    return metadata
  }

  fileprivate static let illegal: [Metadata] = [
    ["grpc-mine": "reserved"],
    ["content-type": "reserved"],
    ["x-valüe": "name"],
    ["x-value": "v\u{7}alue"],
    ["x-value": "välue"],
    ["x-large": String(repeating: "l", count: 20_000)],
  ]
}

extension ByteService {
  /// Notes what came, and answers with this metadata.
  fileprivate static func answeringWith(_ notes: Notes, _ metadata: Metadata) -> ByteService {
    @Sendable func answer(_ context: CallContext) {
      notes.note(context.metadata.transcript, by: "handler")
      for (name, value) in metadata {
        switch value {
        case .text(let text):
          context.addInitialMetadata(text, for: name)
          context.addTrailingMetadata(text, for: name)
        case .binary(let bytes):
          context.addInitialMetadata(binary: bytes, for: name)
          context.addTrailingMetadata(binary: bytes, for: name)
        }
      }
    }
    return ByteService(
      unary: { request, context in
        answer(context)
        return request
      },
      serverStream: { request, responses, context in
        answer(context)
        try await responses.write(request)
      }
    )
  }

  /// Each request says where to put which of the illegal metadata.
  fileprivate static var obeying: ByteService {
    @Sendable func obey(_ request: ByteBuffer, _ context: CallContext) throws {
      let words = String(buffer: request).split(separator: " ")
      let metadata = Metadata.illegal[Int(words[1]) ?? 0]
      for (name, value) in metadata {
        guard case .text(let text) = value else { continue }
        switch words[0] {
        case "initial": context.addInitialMetadata(text, for: name)
        case "trailing": context.addTrailingMetadata(text, for: name)
        default: throw RPCError(code: .aborted, message: "with metadata", metadata: metadata)
        }
      }
    }
    return ByteService(
      unary: { request, context in
        try obey(request, context)
        return request
      },
      serverStream: { request, responses, context in
        try obey(request, context)
        try await responses.write(request)
      }
    )
  }
}
