import BulwarkCore
import NIOCore

@testable import BulwarkTransport

extension TransportScenario {
  /// What the contract of a stream forbids.
  static let misuses: [TransportScenario] = [
    TransportScenario("a write after the end of the requests") { stage in
      let stream = stage.client.stream(ByteService.bidi.descriptor, CallOptions(), onlyRequest: nil)
      stream.finishRequests()
      stream.finishRequests()
      await stage.note("write") {
        try await stream.write(ByteBuffer())
        return "written"
      }
      await stage.note("next") { try await stream.next()?.transcript ?? "end" }
      await stage.note("next") { try await stream.next()?.transcript ?? "end" }
      await stage.note("write") {
        try await stream.write(ByteBuffer())
        return "written"
      }
      stream.cancel()
      await stage.note("next") { try await stream.next()?.transcript ?? "end" }
    },
    TransportScenario(
      "two readers",
      services: { notes in
        ByteService(bidi: { requests, responses, _ in
          var iterator = requests.makeAsyncIterator()
          _ = try await iterator.next()
          try await responses.write(ByteBuffer(string: "first"))
          _ = try await iterator.next()
        })
      }
    ) { stage in
      let stream = stage.client.stream(ByteService.bidi.descriptor, CallOptions(), onlyRequest: nil)
      let results = await withTaskGroup(of: String.self) { tasks in
        for _ in 0..<2 {
          tasks.addTask {
            do throws(RPCError) {
              return try await stream.next()?.transcript ?? "end"
            } catch {
              // The other reader may read now.
              try? await stream.write(ByteBuffer())
              return error.transcript
            }
          }
        }
        return await tasks.reduce(into: []) { $0.append($1) }.sorted()
      }
      for result in results { stage.notes.note(result) }
      stream.finishRequests()
      await stage.note("then") { try await stream.next()?.transcript ?? "end" }
    },
  ]
}
