import BulwarkCore
import NIOCore

extension TransportScenario {
  /// The four kinds of calls, and every status.
  static let answers: [TransportScenario] = [
    TransportScenario("unary") { stage in
      await stage.unary("hello")
      await stage.unary("")
      await stage.unary(String(repeating: "x", count: 300_000))
    },
    TransportScenario("client streaming") { stage in
      await stage.note("three") {
        try await stage.client.clientStreaming(ByteService.clientStream) { requests in
          try await requests.write(contentsOf: ["a", "", "b"].map { ByteBuffer(string: $0) })
        }.message.transcript
      }
      await stage.note("none") {
        try await stage.client.clientStreaming(ByteService.clientStream) { _ in }.message.transcript
      }
    },
    TransportScenario("server streaming") { stage in await stage.stream("r") },
    TransportScenario("an empty stream", services: { _ in ByteService(serverStream: { _, _, _ in }) }) {
      stage in
      await stage.stream("r")
    },
    TransportScenario("ping-pong") { stage in
      await stage.note("echoes") {
        try await stage.client.bidirectional(ByteService.bidi) { requests, responses in
          var iterator = responses.makeAsyncIterator()
          var echoes: [String] = []
          for word in ["x", "", "y"] {
            try await requests.write(ByteBuffer(string: word))
            echoes.append(try await iterator.next()?.transcript ?? "end")
          }
          requests.finish()
          echoes.append(try await iterator.next()?.transcript ?? "end")
          return "\(echoes)"
        }
      }
    },
    TransportScenario("every status of a unary call", services: { _ in .failing }) { stage in
      for code in 1...16 { await stage.unary("\(code)") }
    },
    TransportScenario("every status before and behind a message", services: { _ in .failing }) { stage in
      for code in 1...16 {
        await stage.stream("\(code)")
        await stage.stream("\(code)", ByteService.bidi)
      }
    },
    TransportScenario("an error that is no status", services: { _ in .throwing(Foreign()) }) { stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario("a handler's own cancellation", services: { _ in .throwing(CancellationError()) }) {
      stage in
      await stage.unary("x")
      await stage.stream("x")
    },
    TransportScenario("methods that are not there") { stage in
      await stage.unary("x", .bytes("Nothing", .unary))
      await stage.stream("x", .bytes("Nothing", .serverStreaming))
    },
    TransportScenario("methods of another kind than their caller thinks") { stage in
      await stage.unary("three answers", .bytes("ServerStream", .unary))
      await stage.unary("one answer", .bytes("Bidi", .unary))
      await stage.stream("one request", .bytes("Unary", .bidirectional))
      for count in [0, 2] {
        await stage.note("\(count) requests") {
          try await stage.client.clientStreaming(.bytes("Unary", .clientStreaming)) { requests in
            for _ in 0..<count { try await requests.write(ByteBuffer(string: "r")) }
          }.message.transcript
        }
      }
    },
    TransportScenario(
      "an answer without a message",
      services: { _ in ByteService(serverStream: { _, _, _ in }) }
    ) { stage in
      await stage.unary("x", .bytes("ServerStream", .unary))
      await stage.note("client streaming") {
        try await stage.client.clientStreaming(.bytes("ServerStream", .clientStreaming)) { requests in
          try await requests.write(ByteBuffer())
        }.message.transcript
      }
    },
  ]

  private struct Foreign: Error {}
}

extension ByteService {
  /// Each request is the code of an error, which comes at once, or on `bidi` behind a message.
  fileprivate static var failing: ByteService {
    @Sendable func error(_ request: ByteBuffer) -> RPCError {
      let code = StatusCode(wireValue: Int(String(buffer: request)) ?? 0)
      return RPCError(code: code, message: "100 % \(code)\t☺😈\n", metadata: ["x-more": "m"])
    }
    return ByteService(
      unary: { request, _ in throw error(request) },
      serverStream: { request, _, _ in throw error(request) },
      bidi: { requests, responses, _ in
        for try await request in requests {
          try await responses.write(request)
          throw error(request)
        }
      }
    )
  }

  fileprivate static func throwing(_ error: any Error) -> ByteService {
    ByteService(unary: { _, _ in throw error }, serverStream: { _, _, _ in throw error })
  }
}
