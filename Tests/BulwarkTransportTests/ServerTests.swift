import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore
import NIOPosix
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
  @Test func aPortThatIsTakenIsAnErrorOfRunAndOfTheAddress() async throws {
    try await withServer(ByteService()) { _, endpoint in
      let second = Server(listening: endpoint) { ByteService() }
      await #expect(throws: (any Error).self) { try await second.run() }
      await #expect(throws: (any Error).self) { try await second.listeningEndpoint }
    }
  }

  @Test func aServerRunsOnce() async throws {
    try await withServer(ByteService()) { server, _ in
      let error = await #expect(throws: RPCError.self) { try await server.run() }
      #expect(error?.code == .failedPrecondition)
    }
  }

  @Test func limitsThatMakeNoSenseAreRefusedBeforeAnythingIsBound() async throws {
    var configuration = ServerConfiguration()
    configuration.http2.maxFrameSize = 1
    let server = Server(listening: .anyPort, configuration: configuration) { ByteService() }
    await #expect(throws: (any Error).self) { try await server.run() }
  }

  @Test func aConnectionAboveTheLimitIsClosed() async throws {
    var configuration = ServerConfiguration()
    configuration.maxConnections = 1
    try await withServer(ByteService(), configuration: configuration) { server, endpoint in
      try await withClient(of: endpoint) { first in
        #expect(try await first.echo("one") == "one")
        #expect(server.connectionCount == 1)
        try await withClient(of: endpoint) { second in
          let error = await #expect(throws: RPCError.self) { try await second.echo("two") }
          #expect(error?.code == .unavailable)
        }
        #expect(try await first.echo("still") == "still")
      }
    }
  }

  @Test func callsAboveTheHandlerLimitAreRefused() async throws {
    let handler = HeldHandler()
    var configuration = ServerConfiguration()
    configuration.limits.maxRunningHandlers = 1
    try await withConnection(to: handler.service, server: configuration) { client in
      let held = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      let error = await #expect(throws: RPCError.self) { try await client.echo("more") }
      #expect(error?.code == .unavailable)
      handler.release()
      #expect(try await held.value == "hold")
      #expect(try await client.echo("after") == "after")
    }
  }

  @Test func connectionsAreSpreadOverLoopsAndAllServed() async throws {
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let server = Server(listening: .anyPort, eventLoopGroup: loops) { ByteService() }
    let running = Task { try await server.run() }
    let endpoint = try await server.listeningEndpoint
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<8 {
        group.addTask {
          try await withClient(of: endpoint) { client in
            let answer = try await client.echo("\(number)")
            #expect(answer == "\(number)")
          }
        }
      }
      try await group.waitForAll()
    }
    server.beginGracefulShutdown()
    try await running.value
    try await loops.shutdownGracefully()
  }

  @Test func aClientThatWasClosedCanBeLetGoAfterItsLoops() async throws {
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await withServer(ByteService()) { _, endpoint in
      let client = Client(to: endpoint, eventLoopGroup: loops)
      #expect(try await client.echo("one") == "one")
      await client.close()
      try await loops.shutdownGracefully()
      withExtendedLifetime(client) {}
    }
  }
}
