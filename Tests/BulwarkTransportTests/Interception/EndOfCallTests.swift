import BulwarkCore
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkTransport

/// Every way in which a call can end, as the interceptors of both sides are told of it: once.
@Suite(.timeLimit(.minutes(1))) struct EndOfCallTests {
  private static let timeout = CallOptions(timeout: .seconds(1))

  /// Runs the body with an interceptor on each side, and checks that each was told of one end.
  private func check(
    _ service: ByteService,
    client clientEnd: StatusCode,
    server serverEnds: Set<StatusCode>,
    _ body: (any CallInvoker) async throws -> Void
  ) async throws {
    let (atClient, atServer) = (EndWatcher(), EndWatcher())
    let server = Server(listening: .anyPort, interceptors: [atServer]) { service }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      try await withClient(of: try await server.listeningEndpoint) { client async throws in
        try await body(client.intercepted(by: [atClient]))
        #expect(try await atClient.end == clientEnd)
        let serverEnd = try await atServer.end
        #expect(serverEnds.contains(serverEnd))
      }
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
    }
    // Both sides are down: whatever was going to be told has been.
    #expect(atClient.started == 1 && atClient.ends == [clientEnd])
    #expect(atServer.started == 1 && atServer.ends.count == 1)
  }

  /// A service whose streams send one message and then do what the handler does.
  private static func streaming(_ handler: @escaping @Sendable () async throws -> Void) -> ByteService {
    ByteService(
      serverStream: { request, responses, _ in
        try await responses.write(request)
        try await handler()
      },
      bidi: { requests, responses, _ in
        try await responses.write(ByteBuffer(string: "first"))
        try await handler()
      }
    )
  }

  @Test func aUnaryCallThatSucceeds() async throws {
    try await self.check(ByteService(), client: .ok, server: [.ok]) { client async throws in
      let answer = try await client.echo("x")
      #expect(answer == "x")
    }
  }

  @Test func aUnaryCallThatFails() async throws {
    let service = ByteService(unary: { _, _ in throw RPCError(code: .notFound, message: "no") })
    try await self.check(service, client: .notFound, server: [.notFound]) { client async throws in
      await #expect(throws: RPCError.self) { try await client.echo("x") }
    }
  }

  @Test func aUnaryCallThatIsCancelled() async throws {
    let handler = HeldHandler()
    try await self.check(handler.service, client: .cancelled, server: [.cancelled]) { client async throws in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      call.cancel()
      await #expect(throws: RPCError.self) { try await call.value }
    }
  }

  @Test func aUnaryCallPastItsDeadline() async throws {
    let handler = HeldHandler()
    try await self.check(handler.service, client: .deadlineExceeded, server: [.deadlineExceeded, .cancelled])
    { client async throws in
      // The server's own clock may run out first, or the client's reset may come before that.
      await #expect(throws: RPCError.self) { try await client.echo("hold", options: Self.timeout) }
    }
  }

  @Test func aStreamThatIsReadToItsEnd() async throws {
    try await self.check(ByteService(), client: .ok, server: [.ok]) { client async throws in
      var count = 0
      for try await _ in client.serverStreaming(ByteService.serverStream, ByteBuffer(string: "x")) {
        count += 1
      }
      #expect(count == 3)
    }
  }

  @Test func aStreamOfRequests() async throws {
    try await self.check(ByteService(), client: .ok, server: [.ok]) { client async throws in
      let response = try await client.clientStreaming(ByteService.clientStream) { requests in
        try await requests.write(contentsOf: [ByteBuffer(string: "a"), ByteBuffer(string: "b")])
      }
      #expect(response.message == ByteBuffer(string: "ab"))
    }
  }

  @Test func aStreamThatTheServerEndsWithAnError() async throws {
    let service = Self.streaming { throw RPCError(code: .aborted, message: "enough") }
    try await self.check(service, client: .aborted, server: [.aborted]) { client async throws in
      await #expect(throws: RPCError.self) {
        for try await _ in client.serverStreaming(ByteService.serverStream, ByteBuffer(string: "x")) {}
      }
    }
  }

  @Test func aStreamThatItsReaderLeaves() async throws {
    let handler = HeldHandler()
    let service = Self.streaming(handler.run)
    try await self.check(service, client: .cancelled, server: [.cancelled]) { client async throws in
      let first = try await client.serverStreaming(ByteService.serverStream, .hold).first { _ in true }
      #expect(first == .hold)
    }
  }

  @Test func aStreamWhoseReaderIsCancelled() async throws {
    let handler = HeldHandler()
    let service = Self.streaming(handler.run)
    try await self.check(service, client: .cancelled, server: [.cancelled]) { client async throws in
      let reader = Task {
        for try await _ in client.serverStreaming(ByteService.serverStream, .hold) {}
      }
      try await handler.hasStarted()
      reader.cancel()
      await #expect(throws: RPCError.self) { try await reader.value }
    }
  }

  @Test func aBidirectionalCallThatItsBodyLeaves() async throws {
    let handler = HeldHandler()
    let service = Self.streaming(handler.run)
    try await self.check(service, client: .cancelled, server: [.cancelled]) { client async throws in
      try await client.bidirectional(ByteService.bidi) { _, _ in try await handler.hasStarted() }
    }
  }

  @Test func aStreamPastItsDeadlineThatNobodyReads() async throws {
    let (atClient, handler) = (EndWatcher(), HeldHandler())
    try await withConnection(to: Self.streaming(handler.run)) { client async throws in
      let stream = client.intercepted(by: [atClient])
        .serverStreaming(ByteService.serverStream, .hold, options: Self.timeout)
      #expect(try await atClient.end == .deadlineExceeded)
      withExtendedLifetime(stream) {}
    }
    #expect(atClient.ends == [.deadlineExceeded])
  }

  @Test func callsWhoseConnectionIsLost() async throws {
    let (unary, stream, bidi) = (EndWatcher(), EndWatcher(), EndWatcher())
    let server = try await RawServer { frame, _ in
      // The answer to the third request is the end of the connection.
      frame.kind == .headers && frame.stream == 5 ? [RawFrame(.data, stream: 0, payload: [1])] : []
    }
    try await withClient(of: server.endpoint) { client async throws in
      let call = Task { try await client.intercepted(by: [unary]).echo("lost") }
      let responses = client.intercepted(by: [stream]).serverStreaming(ByteService.serverStream, .hold)
      let chat = Task {
        try await client.intercepted(by: [bidi]).bidirectional(ByteService.bidi) { _, responses in
          for try await _ in responses {}
        }
      }
      for watcher in [unary, stream, bidi] {
        let end = try await watcher.end
        #expect(end == .unavailable || end == .internalError)
      }
      await #expect(throws: RPCError.self) { try await call.value }
      await #expect(throws: RPCError.self) { try await chat.value }
      withExtendedLifetime(responses) {}
    }
    try await server.close()
    for watcher in [unary, stream, bidi] { #expect(watcher.ends.count == 1) }
  }

  @Test func aClientThatGoesAwayUnderAHandler() async throws {
    let (atServer, handler) = (EndWatcher(), HeldHandler())
    let server = Server(listening: .anyPort, interceptors: [atServer]) { handler.service }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      let peer = try await RawClient(to: try await server.listeningEndpoint)
      peer.send(
        .settings(),
        .headers(1, HeaderBlock.request(path: ByteService.unary.descriptor.path)),
        .data(1, [0, 0, 0, 0, 4] + Array("hold".utf8), flags: .endStream)
      )
      try await handler.hasStarted()
      try await peer.close()
      #expect(try await atServer.end == .cancelled)
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
    }
    #expect(atServer.ends == [.cancelled])
  }

  @Test func aServerThatStopsUnderAHandler() async throws {
    let (atServer, handler) = (EndWatcher(), HeldHandler())
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .zero
    let server = Server(listening: .anyPort, configuration: configuration, interceptors: [atServer]) {
      handler.service
    }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      try await withClient(of: try await server.listeningEndpoint) { client async throws in
        let call = Task { try await client.echo("hold") }
        try await handler.hasStarted()
        server.beginGracefulShutdown()
        let error = await #expect(throws: RPCError.self) { try await call.value }
        #expect(error?.code == .unavailable)
      }
      try await tasks.waitForAll()
    }
    #expect(atServer.ends == [.unavailable])
  }
}
