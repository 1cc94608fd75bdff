import BulwarkCore
import BulwarkTestKit
import Logging
import NIOCore
import NIOSSL
import Testing

@testable import BulwarkTransport

/// What becomes of clients whose handshake fails, and what the server's log says of it.
@Suite(.timeLimit(.minutes(1))) struct TLSHandshakeServerTests {
  private let authority: TestAuthority
  private let log = LogRecorder()

  init() throws {
    self.authority = try TestAuthority()
  }

  /// The reason that a TLS server logs for what `body` does to it.
  private func reason(
    clients: ClientVerification = .none,
    timeout: Duration = .seconds(10),
    _ body: (Endpoint) async throws -> Void
  ) async throws -> String? {
    var configuration = try self.authority.server(clients: clients)
    configuration.tls?.handshakeTimeout = timeout
    return try await withServer(
      ByteService(),
      configuration: configuration,
      logger: self.log.logger
    ) { server, endpoint in
      try await body(endpoint)
      let line = try await self.log.lineWithReason
      #expect(line.level == .debug)
      #expect(line.message == "TLS handshake failed")
      #expect(line.peer?.hasPrefix("ipv4:127.0.0.1:") == true)
      return line.reason
    }
  }

  @Test func aClientThatNeverBeginsTheHandshakeIsCut() async throws {
    let reason = try await self.reason(timeout: .milliseconds(100)) { endpoint in
      let client = try await SilentClient(to: endpoint)
      try await client.closedByServer()
    }
    #expect(reason == "the TLS handshake did not end within 0.1 seconds")
  }

  @Test func aClientWithoutTLSIsCut() async throws {
    let reason = try await self.reason { endpoint in
      let client = try await RawClient(to: endpoint)
      try await client.closedByServer()
    }
    #expect(reason == "the client does not speak TLS")
  }

  @Test(arguments: [[], ["http/1.1"]])
  func aClientThatDoesNotOfferHTTP2IsCut(protocols: [String]) async throws {
    let reason = try await self.reason { endpoint in
      let client = try await RawTLSClient(to: endpoint, trusting: self.authority) {
        $0.applicationProtocols = protocols
      }
      try await client.closedByServer()
    }
    #expect(reason == "the client did not offer HTTP/2 (ALPN h2)")
  }

  @Test func aClientOfAnOlderVersionIsCut() async throws {
    let reason = try await self.reason { endpoint in
      let client = try await RawTLSClient(to: endpoint, trusting: self.authority) {
        $0.applicationProtocols = ["h2"]
        $0.maximumTLSVersion = .tlsv11
      }
      try await client.closedByServer()
    }
    #expect(reason == "the client speaks no version of TLS that is allowed on both ends")
  }

  @Test func aClientWithoutACertificateIsCut() async throws {
    let reason = try await self.reason(clients: .required) { endpoint in
      try await withClient(of: endpoint, configuration: self.authority.client()) { client in
        _ = await #expect(throws: RPCError.self) { try await client.echo("hello") }
      }
    }
    #expect(reason == "the client showed no certificate")
  }

  @Test func aClientThatIsNotTrustedIsCut() async throws {
    let stranger = try TestAuthority("Other Root").issue(dns: ["stranger.test"])
    var configuration = try self.authority.client()
    configuration.tls?.credentials = try stranger.credentials(trusting: self.authority)
    let reason = try await self.reason(clients: .required) { [configuration] endpoint in
      try await withClient(of: endpoint, configuration: configuration) { client in
        _ = await #expect(throws: RPCError.self) { try await client.echo("hello") }
      }
    }
    #expect(reason == "the client's certificate is not trusted: it leads to none of the trust roots")
  }

  @Test func aClientThatDoesNotTrustTheServerIsHeardOf() async throws {
    let reason = try await self.reason { endpoint in
      let other = try TestAuthority("Other Root").client()
      try await withClient(of: endpoint, configuration: other) { client in
        _ = await #expect(throws: RPCError.self) { try await client.echo("hello") }
      }
    }
    // A client that closes with unread bytes resets the connection, which can overtake what it has said.
    let reasons = [
      "the client does not trust this server's certificate",
      "the client closed the connection during the TLS handshake",
    ]
    #expect(reasons.contains(reason ?? ""))
  }

  @Test func aHandshakeThatGoesOnDoesNotHoldUpAStop() async throws {
    let configuration = try self.authority.server()
    let client = try await withServer(ByteService(), configuration: configuration) { server, endpoint in
      let client = try await SilentClient(to: endpoint)
      try await withClient(of: endpoint, configuration: self.authority.client()) {
        _ = try await $0.echo("the server has accepted both")
      }
      return client
    }
    try await client.closedByServer()
  }

  @Test func aHandshakeCountsAsAConnection() async throws {
    var configuration = try self.authority.server()
    configuration.maxConnections = 1
    try await withServer(ByteService(), configuration: configuration) { server, endpoint in
      let clients = [try await SilentClient(to: endpoint), try await SilentClient(to: endpoint)]
      // They may be accepted in either order.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for client in clients {
          group.addTask { try await client.closedByServer() }
        }
        try await group.next()
        #expect(server.connectionCount == 1)
        server.beginGracefulShutdown()
        try await group.waitForAll()
      }
    }
  }

  @Test func aServerWithoutACertificateDoesNotRun() async throws {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(try self.authority.trust())
    let server = Server(listening: .anyPort, configuration: configuration) { ByteService() }
    let error = await #expect(throws: TLSCredentialsError.self) { try await server.run() }
    #expect(
      error?.description == "a server needs credentials with a certificate chain and a private key"
    )
  }
}
