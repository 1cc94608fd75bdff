import BulwarkCore
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct DeadlineTests {
  /// Long enough for a handler to be reached on a busy machine, short enough to wait for.
  private static let timeout = CallOptions(timeout: .seconds(2))

  @Test func aDeadlineEndsACallThatNobodyAnswers() async throws {
    let handler = HeldHandler()
    try await withConnection(to: handler.service) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.echo("hold", options: CallOptions(timeout: .milliseconds(50)))
      }
      #expect(error?.code == .deadlineExceeded)
      let next = try await client.echo("next")
      #expect(next == "next")
    }
  }

  @Test(arguments: [false, true])
  func aDeadlineEndsACallWhoseTargetIsStillLookedUp(waitForReady: Bool) async throws {
    try await withServer(ByteService()) { _, endpoint async throws in
      let resolver = HeldResolver(endpoint)
      let client = Client(to: resolver, configuration: .impatient)
      client.connect()
      for await state in client.connectivityUpdates where state == .connecting { break }
      let options = CallOptions(timeout: .milliseconds(20), waitForReady: waitForReady)
      let unary = await #expect(throws: RPCError.self) { try await client.echo("early", options: options) }
      #expect(unary?.code == .deadlineExceeded)
      let stream = client.stream(ByteService.bidi.descriptor, options, onlyRequest: nil)
      let streaming = await #expect(throws: RPCError.self) { try await stream.next() }
      #expect(streaming?.code == .deadlineExceeded)
      resolver.release()
      let late = try await client.echo("late")
      #expect(late == "late")
      await client.close()
    }
  }

  @Test func aClientWhoseTargetIsStillLookedUpCanBeClosed() async throws {
    let client = Client(to: HeldResolver(.anyPort), configuration: .impatient)
    let call = Task.immediate { try await client.echo("never") }
    await client.close()
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable)
  }

  @Test func aHandlerIsCancelledAtItsDeadline() async throws {
    let handler = HeldHandler()
    try await withConnection(to: handler.service) { client async throws in
      let call = Task { try await client.echo("hold", options: Self.timeout) }
      #expect(try await handler.end == .cancelled)
      let error = await #expect(throws: RPCError.self) { try await call.value }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test func aStreamEndsAtItsDeadlineInItsMiddle() async throws {
    let handler = HeldHandler()
    let service = ByteService(serverStream: { request, responses, _ in
      try await responses.write(request)
      try await handler.run()
    })
    try await withConnection(to: service) { client async throws in
      let responses = client.serverStreaming(ByteService.serverStream, .hold, options: Self.timeout)
      var iterator = responses.makeAsyncIterator()
      #expect(try await iterator.next() == .hold)
      let error = await #expect(throws: RPCError.self) { try await iterator.next() }
      #expect(error?.code == .deadlineExceeded)
      #expect(try await handler.end == .cancelled)
    }
  }

  @Test(arguments: [Duration.zero, .seconds(-1)])
  func aTimeoutOfNothingFailsAtOnce(timeout: Duration) async throws {
    let client = Client(to: .newSocket(), configuration: .impatient)
    let error = await #expect(throws: RPCError.self) {
      try await client.echo("late", options: CallOptions(timeout: timeout, waitForReady: true))
    }
    #expect(error?.code == .deadlineExceeded)
    await client.close()
  }

  @Test func aCallInsideAHandlerInheritsTheHandlersDeadline() async throws {
    let inner = Promise<Client>()
    let service = ByteService(unary: { message, context in
      guard message == ByteBuffer(string: "outer") else {
        return ByteBuffer(string: context.deadline == nil ? "none" : "inherited")
      }
      return ByteBuffer(string: try await inner.value().echo("inner"))
    })
    try await withConnection(to: service) { client async throws in
      inner.complete(.success(client))
      #expect(try await client.echo("outer") == "none")
      #expect(try await client.echo("outer", options: CallOptions(timeout: .seconds(30))) == "inherited")
    }
  }
}

/// Finds its endpoint when it is released.
private struct HeldResolver: EndpointResolver {
  let authority = "held.test"
  let serverName: String? = nil
  private let endpoint: Endpoint
  private let released = Promise<Void>()

  init(_ endpoint: Endpoint) {
    self.endpoint = endpoint
  }

  func release() {
    self.released.complete(.success(()))
  }

  func resolve() async throws -> [ResolvedEndpoint] {
    try await self.released.value()
    return [ResolvedEndpoint(self.endpoint)]
  }
}
