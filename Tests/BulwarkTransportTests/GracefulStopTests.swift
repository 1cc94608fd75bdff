import BulwarkCore
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct GracefulStopTests {
  @Test func aCallInFlightFinishes() async throws {
    let handler = HeldHandler()
    try await withServer(handler.service) { server, endpoint in
      try await withClient(of: endpoint) { client in
        let call = Task { try await client.echo("hold") }
        try await handler.hasStarted()
        server.beginGracefulShutdown()
        handler.release()
        #expect(try await call.value == "hold")
        #expect(try await handler.end == .returned)
      }
    }
  }

  @Test func aCallThatOutlastsTheGraceIsCancelled() async throws {
    let handler = HeldHandler()
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .milliseconds(50)
    try await withServer(handler.service, configuration: configuration) { server, endpoint in
      try await withClient(of: endpoint) { client in
        let call = Task { try await client.echo("hold") }
        try await handler.hasStarted()
        server.beginGracefulShutdown()
        #expect(try await handler.end == .cancelled)
        let error = await #expect(throws: RPCError.self) { try await call.value }
        #expect(error?.code == .unavailable || error?.code == .cancelled)
      }
    }
  }

  @Test func cancellingTheServersTaskCancelsItsCallsAtOnce() async throws {
    let handler = HeldHandler()
    let server = Server(listening: .anyPort) { handler.service }
    let running = Task { try await server.run() }
    try await withClient(of: try await server.listeningEndpoint) { client in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      running.cancel()
      #expect(try await handler.end == .cancelled)
      await #expect(throws: RPCError.self) { try await call.value }
      try await running.value
    }
  }

  @Test func cancellingTheServersTaskCutsAGracefulStopShort() async throws {
    let handler = HeldHandler()
    let server = Server(listening: .anyPort) { handler.service }
    let running = Task { try await server.run() }
    try await withClient(of: try await server.listeningEndpoint) { client in
      let call = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      server.beginGracefulShutdown()
      running.cancel()
      #expect(try await handler.end == .cancelled)
      await #expect(throws: RPCError.self) { try await call.value }
      try await running.value
    }
  }

  @Test func aHandlerThatIgnoresItsCancellationDoesNotHoldTheServer() async throws {
    let started = Promise<Void>()
    let leave = Promise<Void>()
    let service = ByteService(unary: { message, _ in
      started.complete(.success(()))
      // A task of its own does not hear that this one is cancelled.
      try await Task { try await leave.value() }.value
      return message
    })
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .milliseconds(20)
    configuration.abortTimeout = .milliseconds(20)
    try await withServer(service, configuration: configuration) { server, endpoint in
      try await withClient(of: endpoint) { client in
        let call = Task { try await client.echo("stuck") }
        try await started.value()
        server.beginGracefulShutdown()
        await #expect(throws: RPCError.self) { try await call.value }
      }
    }
    leave.complete(.success(()))
  }

  @Test func aPeerThatIgnoresTheStopIsClosed() async throws {
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .milliseconds(20)
    configuration.abortTimeout = .milliseconds(20)
    let handler = HeldHandler()
    try await withServer(handler.service, configuration: configuration) { server, endpoint in
      let peer = try await RawClient(to: endpoint)
      peer.send(
        .settings(),
        .headers(1, HeaderBlock.request(path: ByteService.unary.descriptor.path)),
        .data(1, [0, 0, 0, 0, 4] + Array("hold".utf8), flags: .endStream)
      )
      try await handler.hasStarted()
      server.beginGracefulShutdown()
      try await peer.closedByServer()
      #expect(try await handler.end == .cancelled)
    }
  }
}
