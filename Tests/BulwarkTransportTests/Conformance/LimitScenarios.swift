import BulwarkCore
import BulwarkWire
import NIOCore

@testable import BulwarkTransport

extension TransportScenario {
  private static func play(_ stage: Stage, _ texts: [String], options: CallOptions = CallOptions()) async {
    for text in texts {
      await stage.unary(text, options: options)
      await stage.stream(text, options: options)
      await stage.note("bidirectional \(text.utf8.count)") {
        try await stage.client.bidirectional(ByteService.bidi, options: options) { requests, responses in
          var iterator = responses.makeAsyncIterator()
          try await requests.write(ByteBuffer(string: "s"))
          stage.notes.note(try await iterator.next()?.transcript ?? "end")
          try await requests.write(ByteBuffer(string: text))
          return try await iterator.next()?.transcript ?? "end"
        }
      }
    }
  }

  private static let atAndAbove = [100, 101].map { String(repeating: "x", count: $0) }

  /// Sizes, and readers that are slower than writers.
  static let limits: [TransportScenario] = [
    TransportScenario("requests at and above the server's limit") { stage in
      // The client takes more.
      await Self.play(stage, Self.atAndAbove, options: CallOptions(maxResponseBytes: 1_000))
    }.limited { $0.maxReceiveMessageBytes = 100 },
    TransportScenario("responses at and above a call's limit") { stage in
      await Self.play(stage, Self.atAndAbove, options: CallOptions(maxResponseBytes: 100))
    },
    TransportScenario("messages at and above what may be sent") { stage in
      await Self.play(stage, Self.atAndAbove)
    }.limited { $0.maxSendMessageBytes = 100 },
    TransportScenario(
      "responses at and above what a server may send",
      services: { _ in
        @Sendable func double(_ message: ByteBuffer) -> ByteBuffer {
          ByteBuffer(repeating: 7, count: 2 * message.readableBytes)
        }
        return ByteService(
          unary: { request, _ in double(request) },
          serverStream: { request, responses, _ in
            try await responses.write(request)
            try await responses.write(double(request))
          }
        )
      }
    ) { stage in
      for length in [50, 51] {
        await stage.unary(String(repeating: "x", count: length))
        await stage.stream(String(repeating: "x", count: length))
      }
    }.limited { $0.maxSendMessageBytes = 100 },
    TransportScenario(
      "a reader that is slower than its writer",
      services: { notes in
        ByteService(serverStream: { _, responses, _ in
          for _ in 0..<128 { try await responses.write(ByteBuffer(repeating: 7, count: 64 * 1024)) }
          notes.note("all written", by: "handler")
        })
      }
    ) { stage in
      let stream = stage.client.serverStreaming(ByteService.serverStream, ByteBuffer())
      for _ in 0..<50 { _ = try await stage.client.echo("between") }
      stage.notes.note("\(stage.notes.all.isEmpty ? "the writer waits" : "the writer is through")")
      var count = 0
      for try await message in stream { count += message.readableBytes }
      stage.notes.note("\(count) bytes")
    },
    TransportScenario(
      "a writer that is faster than its reader",
      services: { notes in
        ByteService(clientStream: { requests, context in
          let isSlow = context.metadata["x-slow"] != nil
          if isSlow { try? await Promise<Void>().value() }
          var count = 0
          for try await request in requests { count += request.readableBytes }
          return ByteBuffer(string: "\(count)")
        })
      }
    ) { stage in
      await stage.note("a slow one") {
        try await stage.client.clientStreaming(
          ByteService.clientStream,
          options: CallOptions(timeout: .milliseconds(300), metadata: ["x-slow": "1"])
        ) { requests in
          do {
            for _ in 0..<128 { try await requests.write(ByteBuffer(repeating: 7, count: 64 * 1024)) }
            stage.notes.note("all written")
          } catch let error as RPCError {
            stage.notes.note("the writer waited: \(error.code)")
            throw RPCError(code: error.code, message: "", origin: .local)
          }
        }.message.transcript
      }
      await stage.note("a fast one") {
        try await stage.client.clientStreaming(ByteService.clientStream) { requests in
          for _ in 0..<128 { try await requests.write(ByteBuffer(repeating: 7, count: 64 * 1024)) }
        }.message.transcript
      }
    },
  ]
}
