import BulwarkCore
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct CancellationTests {
  @Test func aCancelledCallerCancelsTheHandlerOfItsUnaryCall() async throws {
    let handler = HeldHandler()
    try await withConnection(to: handler.service) { client in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      call.cancel()
      #expect(try await handler.end == .cancelled)
      let error = await #expect(throws: RPCError.self) { try await call.value }
      #expect(error?.code == .cancelled)
      #expect(error?.origin == .local)
    }
  }

  @Test func aCallThatIsCancelledBeforeItStartsReachesNobody() async throws {
    try await withConnection(to: ByteService()) { client in
      let call = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await client.echo("never")
      }
      let error = await #expect(throws: RPCError.self) { try await call.value }
      #expect(error?.code == .cancelled)
    }
  }

  @Test func aCancelledReaderOfAStreamCancelsItsHandler() async throws {
    let handler = HeldHandler()
    let service = ByteService(serverStream: { request, responses, _ in
      try await responses.write(request)
      try await handler.run()
    })
    try await withConnection(to: service) { client in
      let reader = Task {
        for try await _ in client.serverStreaming(ByteService.serverStream, ByteBuffer()) {}
      }
      try await handler.hasStarted()
      reader.cancel()
      #expect(try await handler.end == .cancelled)
      await #expect(throws: RPCError.self) { try await reader.value }
    }
  }

  @Test func lettingAStreamGoCancelsItsHandler() async throws {
    let handler = HeldHandler()
    let service = ByteService(serverStream: { request, responses, _ in
      try await responses.write(request)
      try await handler.run()
    })
    try await withConnection(to: service) { client in
      let first = try await client.serverStreaming(ByteService.serverStream, .hold).first { _ in true }
      #expect(first == .hold)
      #expect(try await handler.end == .cancelled)
    }
  }

  @Test func leavingABidirectionalCallCancelsItsHandler() async throws {
    let handler = HeldHandler()
    let service = ByteService(bidi: { _, _, _ in try await handler.run() })
    try await withConnection(to: service) { client in
      try await client.bidirectional(ByteService.bidi) { _, _ in try await handler.hasStarted() }
      #expect(try await handler.end == .cancelled)
    }
  }

  @Test func aClientThatGoesAwayCancelsItsHandlers() async throws {
    let handler = HeldHandler()
    try await withServer(handler.service) { _, endpoint in
      let peer = try await RawClient(to: endpoint)
      peer.send(
        .settings(),
        .headers(1, HeaderBlock.request(path: ByteService.unary.descriptor.path)),
        .data(1, [0, 0, 0, 0, 4] + Array("hold".utf8), flags: .endStream)
      )
      try await handler.hasStarted()
      try await peer.close()
      #expect(try await handler.end == .cancelled)
    }
  }
}
