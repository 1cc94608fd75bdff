import BulwarkCore
import NIOCore

@testable import BulwarkTransport

extension TransportScenario {
  /// Deadlines, cancellation, and streams that end early.
  static let endings: [TransportScenario] = [
    TransportScenario("a deadline that has passed", services: { .noting($0) }) { stage in
      for timeout in [Duration.zero, .seconds(-1)] {
        await stage.unary("late", options: CallOptions(timeout: timeout))
        await stage.stream("late", options: CallOptions(timeout: timeout))
      }
    },
    TransportScenario("a deadline that is far off", services: { .noting($0) }) { stage in
      await stage.unary("in time", options: CallOptions(timeout: .seconds(600)))
      await stage.stream("in time", options: CallOptions(timeout: .seconds(600)))
    },
    // What the handler sees of it depends on whether it was reached in time.
    TransportScenario("a deadline that passes", services: { _ in .holding(Notes()) }) { stage in
      for method in [ByteService.unary, ByteService.bidi] {
        await stage.note("\(method.descriptor.method)") {
          do {
            let stream = stage.client.stream(
              method.descriptor,
              CallOptions(timeout: .milliseconds(200)),
              onlyRequest: .hold
            )
            while try await stream.next() != nil {}
            return "end"
          } catch let error as RPCError {
            return "\(error.code)"
          }
        }
      }
    },
    TransportScenario("a caller that goes", services: { .holding($0) }) { stage in
      let started = Promise<Void>()
      for method in [ByteService.unary, ByteService.serverStream, ByteService.bidi] {
        let stream = stage.client.stream(method.descriptor, CallOptions(), onlyRequest: .hold)
        stream.onEnd { stage.notes.note($0?.transcript ?? "OK", by: "end") }
        if method.descriptor.kind != .unary {
          await stage.note("first") { try await stream.next()?.transcript ?? "end" }
        }
        let reader = Task {
          started.complete(.success(()))
          return try await stream.next()
        }
        try await started.value()
        try await stage.notes.firstHandler.value()
        reader.cancel()
        await stage.note("cancelled") { try await reader.value?.transcript ?? "end" }
        await stage.note("again") { try await stream.next()?.transcript ?? "end" }
        await stage.note("write") {
          try await stream.write(ByteBuffer())
          return "written"
        }
        stage.notes.note("\(stream.hasEnded) \(stream.trailingMetadata.transcript)")
      }
    },
    TransportScenario("a unary caller that goes", services: { .holding($0) }) { stage in
      let call = Task { try await stage.client.echo("hold") }
      try await stage.notes.firstHandler.value()
      call.cancel()
      await stage.note("cancelled") { try await call.value }
    },
    TransportScenario("a call in a handler, which inherits its deadline", services: { .noting($0) }) {
      stage in
      let outer = CallContext(
        method: ByteService.unary.descriptor,
        metadata: [:],
        peer: Peer(address: "outer"),
        deadline: MonotonicInstant.now().advanced(by: .seconds(600)),
        time: .system
      )
      await CallContext.$current.withValue(outer) { await stage.unary("inner") }
    },
    TransportScenario(
      "a response that ends before its requests",
      services: { _ in
        ByteService(bidi: { requests, responses, _ in
          for try await request in requests {
            try await responses.write(request)
            guard String(buffer: request) == "fail" else { return }
            throw RPCError(code: .outOfRange, message: "enough")
          }
        })
      }
    ) { stage in
      for word in ["end", "fail"] {
        await stage.note(word) {
          try await stage.client.bidirectional(ByteService.bidi) { requests, responses in
            try await requests.write(ByteBuffer(string: word))
            await stage.note("responses") { try await responses.transcript { stage.notes.note($0) } }
            do {
              while true { try await requests.write(ByteBuffer(string: "more")) }
            } catch let error as RPCError {
              return error.transcript
            }
          }
        }
      }
    },
    TransportScenario(
      "an answer before its requests",
      services: { _ in
        ByteService(clientStream: { _, _ in ByteBuffer(string: "early") })
      }
    ) { stage in
      await stage.note("answer") {
        try await stage.client.clientStreaming(ByteService.clientStream) { requests in
          while true { try await requests.write(ByteBuffer(string: "more")) }
        }.message.transcript
      }
    },
    TransportScenario("a caller whose body throws", services: { .holding($0) }) { stage in
      await stage.note("thrown") {
        try await stage.client.bidirectional(ByteService.bidi) { requests, responses in
          try await requests.write(.hold)
          var iterator = responses.makeAsyncIterator()
          _ = try await iterator.next()
          throw RPCError(code: .dataLoss, message: "mine")
        }
      }
    },
  ]
}

extension ByteService {
  /// Notes that it was called, and with how much time.
  fileprivate static func noting(_ notes: Notes) -> ByteService {
    ByteService(
      unary: { request, context in
        notes.note(
          "\(request.transcript) \(context.timeRemaining.map { $0 > .seconds(500) }.map(String.init) ?? "-")",
          by: "handler"
        )
        return request
      },
      serverStream: { request, responses, context in
        notes.note(
          "\(request.transcript) \(context.timeRemaining.map { $0 > .seconds(500) }.map(String.init) ?? "-")",
          by: "handler"
        )
        try await responses.write(request)
      }
    )
  }

  /// Holds each call until it is cancelled, streams after a message, and notes that it was.
  fileprivate static func holding(_ notes: Notes) -> ByteService {
    @Sendable func hold() async throws {
      notes.firstHandler.complete(.success(()))
      do {
        try await Promise<Void>().value()
      } catch {
        notes.note("\(error), \(Task.isCancelled)", by: "handler")
        throw error
      }
    }
    return ByteService(
      unary: { request, _ in
        try await hold()
        return request
      },
      serverStream: { request, responses, _ in
        try await responses.write(request)
        try await hold()
      },
      bidi: { requests, responses, _ in
        for try await request in requests {
          try await responses.write(request)
          try await hold()
        }
      }
    )
  }
}
