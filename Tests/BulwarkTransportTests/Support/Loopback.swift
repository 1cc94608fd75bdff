import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import Foundation
import Logging
import NIOCore
import NIOPosix

@testable import BulwarkTransport

extension Endpoint {
  /// A free port of this host.
  static let anyPort = Endpoint.tcp(host: "127.0.0.1", port: 0)

  /// A Unix socket that nothing else uses, and that a second server can take over.
  static func newSocket() -> Endpoint {
    .unix(path: "\(NSTemporaryDirectory())bulwark-\(UInt64.random(in: 0 ... .max)).sock")
  }
}

/// Runs a server for as long as the body lasts; then stops it gracefully and waits for its end.
func withServer<Result: Sendable>(
  _ services: any RPCService...,
  at endpoint: Endpoint = .anyPort,
  configuration: ServerConfiguration = ServerConfiguration(),
  logger: Logger = Logger(label: "test"),
  _ body: (Server, Endpoint) async throws -> Result
) async throws -> Result {
  let server = Server(listening: endpoint, configuration: configuration, logger: logger) { services }
  return try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask { try await server.run() }
    let result = try await body(server, try await server.listeningEndpoint)
    server.beginGracefulShutdown()
    try await tasks.waitForAll()
    return result
  }
}

/// Makes a client for as long as the body lasts, and closes it after that.
func withClient<Result: Sendable>(
  of endpoint: Endpoint,
  configuration: ClientConfiguration = .impatient,
  _ body: (Client) async throws -> Result
) async throws -> Result {
  let client = Client(to: endpoint, configuration: configuration)
  let result = try await body(client)
  await client.close()
  return result
}

/// A server and a client of it.
func withConnection<Result: Sendable>(
  to services: any RPCService...,
  server serverConfiguration: ServerConfiguration = ServerConfiguration(),
  client clientConfiguration: ClientConfiguration = .impatient,
  _ body: (Client) async throws -> Result
) async throws -> Result {
  let server = Server(listening: .anyPort, configuration: serverConfiguration) { services }
  return try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask { try await server.run() }
    let endpoint = try await server.listeningEndpoint
    let result = try await withClient(of: endpoint, configuration: clientConfiguration, body)
    server.beginGracefulShutdown()
    try await tasks.waitForAll()
    return result
  }
}

extension ClientConfiguration {
  /// Connects again after milliseconds, so that a test need not wait a second.
  static var impatient: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.backoff.initial = .milliseconds(5)
    configuration.backoff.maximum = .milliseconds(20)
    return configuration
  }
}
