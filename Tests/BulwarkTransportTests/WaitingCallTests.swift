import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore
import Testing

@testable import BulwarkTransport

/// Calls above the server's stream limit, which is 1 here: the first call is held, the others wait in the client.
@Suite(.timeLimit(.minutes(1))) struct WaitingCallTests {
  private let handler = HeldHandler()

  private func withFullConnection(
    maxWaitingCalls: Int = 10,
    _ body: (Client, _ first: Task<String, any Error>) async throws -> Void
  ) async throws {
    var server = ServerConfiguration()
    server.http2.maxConcurrentStreams = 1
    var configuration = ClientConfiguration.impatient
    configuration.maxWaitingCalls = maxWaitingCalls
    try await withConnection(to: self.handler.service, server: server, client: configuration) { client in
      let first = Task { try await client.echo("hold") }
      try await self.handler.hasStarted()
      try await body(client, first)
      self.handler.release()
      #expect(try await first.value == "hold")
    }
  }

  /// A call that is in the client's queue when this returns.
  private func queuedCall(_ client: Client) -> ResponseStream<ByteBuffer> {
    client.serverStreaming(ByteService.serverStream, ByteBuffer(string: "queued"))
  }

  @Test func aWaitingCallIsSentWhenThereIsRoom() async throws {
    try await self.withFullConnection { client, _ in
      let queued = self.queuedCall(client)
      self.handler.release()
      var responses = 0
      for try await _ in queued {
        responses += 1
      }
      #expect(responses == 3)
    }
  }

  @Test func aWaitingCallFailsAtItsDeadline() async throws {
    try await self.withFullConnection { client, _ in
      let error = await #expect(throws: RPCError.self) {
        try await client.echo("late", options: CallOptions(timeout: .milliseconds(30)))
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test func aWaitingCallLeavesTheQueueWhenItIsCancelled() async throws {
    try await self.withFullConnection(maxWaitingCalls: 1) { client, _ in
      do {
        let queued = self.queuedCall(client)
        withExtendedLifetime(queued) {}
      }
      // Its place is free for another.
      let next = self.queuedCall(client)
      self.handler.release()
      let response = try await next.first { _ in true }
      #expect(response == ByteBuffer(string: "queued"))
    }
  }

  @Test func aCallAboveTheQueuesBoundFailsAtOnce() async throws {
    try await self.withFullConnection(maxWaitingCalls: 1) { client, _ in
      let queued = self.queuedCall(client)
      let error = await #expect(throws: RPCError.self) { try await client.echo("too many") }
      #expect(error?.code == .resourceExhausted)
      withExtendedLifetime(queued) {}
    }
  }

  @Test func closingTheClientFailsTheWaitingCallsAndLetsTheOpenOnesEnd() async throws {
    try await self.withFullConnection { client, first in
      let queued = self.queuedCall(client)
      async let closed: Void = client.close()
      let error = await #expect(throws: RPCError.self) { try await queued.first { _ in true } }
      #expect(error?.code == .unavailable)
      self.handler.release()
      let held = try await first.value
      #expect(held == "hold")
      await closed
      let late = await #expect(throws: RPCError.self) { try await client.echo("late") }
      #expect(late?.code == .unavailable)
    }
  }

  @Test func aStreamThatNobodyReadsCannotHoldUpTheClose() async throws {
    let service = ByteService(serverStream: { request, responses, _ in
      try await responses.write(request)
      try await self.handler.run()
    })
    try await withServer(service) { _, endpoint async throws in
      var configuration = ClientConfiguration.impatient
      configuration.gracefulShutdownTimeout = .milliseconds(50)
      let client = Client(to: endpoint, configuration: configuration)
      var responses = client.serverStreaming(ByteService.serverStream, .hold).makeAsyncIterator()
      #expect(try await responses.next() == .hold)
      await client.close()
      let error = await #expect(throws: RPCError.self) { try await responses.next() }
      #expect(error?.code == .unavailable)
      #expect(try await self.handler.end == .cancelled)
    }
  }

  @Test func manyMoreCallsThanStreamsAreAllAnswered() async throws {
    var server = ServerConfiguration()
    server.http2.maxConcurrentStreams = 3
    try await withConnection(to: ByteService(), server: server) { client in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<300 {
          group.addTask { try await client.echo("\(number)") == "\(number)" }
        }
        for try await isItsOwn in group {
          #expect(isItsOwn)
        }
      }
    }
  }
}
