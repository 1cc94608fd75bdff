import BulwarkCore
import BulwarkTestKit
import NIOCore
import NIOSSL
import Testing

@testable import BulwarkTransport

/// What a caller is told of a handshake that fails: each way has words of its own.
@Suite(.timeLimit(.minutes(1))) struct TLSHandshakeClientTests {
  private let authority: TestAuthority

  init() throws {
    self.authority = try TestAuthority()
  }

  /// Calls a server that cannot be talked to, and returns what the call fails with.
  private func failure(
    at endpoint: Endpoint,
    _ configuration: ClientConfiguration
  ) async throws -> String {
    try await withClient(of: endpoint, configuration: configuration) { client in
      let error = try await #require(throws: RPCError.self) { try await client.echo("hello") }
      #expect(error.code == .unavailable)
      #expect(error.origin == .transport)
      return error.message
    }
  }

  private func failure(
    server: ServerConfiguration,
    client: ClientConfiguration
  ) async throws -> String {
    try await withServer(ByteService(), configuration: server) { _, endpoint in
      let message = try await self.failure(at: endpoint, client)
      #expect(message.hasPrefix("not connected: \(endpoint): "))
      return message
    }
  }

  @Test func aCertificateOfAnotherRootIsNotTrusted() async throws {
    let client = try TestAuthority("Other Root").client()
    let message = try await self.failure(server: self.authority.server(), client: client)
    #expect(message.hasSuffix("the server's certificate is not trusted: it leads to none of the trust roots"))
  }

  @Test func aCertificateThatHasExpiredIsNamed() async throws {
    let old = try self.authority.issue(dns: ["node.test"], lifetime: -7_200 ... -3_600)
    let message = try await self.failure(
      server: self.authority.server(with: old),
      client: self.authority.client()
    )
    #expect(message.contains("the server's certificate has expired, "))
  }

  @Test func aCertificateThatIsNotValidYetIsNamed() async throws {
    let early = try self.authority.issue(dns: ["node.test"], lifetime: 3_600...7_200)
    let message = try await self.failure(
      server: self.authority.server(with: early),
      client: self.authority.client()
    )
    #expect(message.contains("the server's certificate is not valid yet, for another "))
  }

  @Test func aCertificateForAnotherNameIsNamed() async throws {
    let message = try await self.failure(
      server: self.authority.server(),
      client: self.authority.client(serverName: "other.test")
    )
    #expect(message.hasSuffix("the server's certificate is not for other.test"))
  }

  @Test func aCertificateWithoutTheAddressIsNamed() async throws {
    let message = try await self.failure(
      server: self.authority.server(),
      client: self.authority.client(serverName: nil)
    )
    #expect(message.hasSuffix("the server's certificate is not for the address that was connected to"))
  }

  @Test func aCertificateWithoutTheURINameIsNamed() async throws {
    var client = try self.authority.client()
    client.tls?.verification = .uri("spiffe://chain/validator/1")
    let message = try await self.failure(server: self.authority.server(), client: client)
    #expect(message.hasSuffix("the server's certificate is not for spiffe://chain/validator/1"))
  }

  @Test(arguments: [TLSProtocolVersion.tls12, .tls13])
  func aServerThatRequiresACertificateSaysSo(version: TLSProtocolVersion) async throws {
    let node = try self.authority.issue(dns: ["node.test"])
    let server = try await RawTLSServer(node) {
      $0.applicationProtocols = ["h2"]
      $0.certificateVerification = .noHostnameVerification
      $0.trustRoots = .certificates((try? NIOSSLCertificate.fromPEMBytes(self.authority.pem)) ?? [])
      $0.maximumTLSVersion = version == .tls12 ? .tlsv12 : .tlsv13
    }
    let message = try await self.failure(at: server.endpoint, self.authority.client())
    switch version {
    case .tls12:
      #expect(message.hasSuffix("it requires a certificate, or shares no cipher"))
    case .tls13:
      #expect(message.hasSuffix("the server requires a client certificate"))
    }
    try await server.close()
  }

  @Test func ourServerSaysThatItRequiresACertificate() async throws {
    let message = try await self.failure(
      server: self.authority.server(clients: .required),
      client: self.authority.client()
    )
    #expect(message.hasSuffix("the server requires a client certificate"))
  }

  @Test(arguments: [ClientVerification.required, .optional])
  func aClientWhoseCertificateIsNotTrustedIsTold(clients: ClientVerification) async throws {
    let other = try TestAuthority("Other Root")
    var client = try self.authority.client()
    let stranger = try other.issue(dns: ["stranger.test"])
    client.tls?.credentials = try stranger.credentials(trusting: self.authority)
    let message = try await self.failure(server: self.authority.server(clients: clients), client: client)
    #expect(message.hasSuffix("the server does not trust this client's certificate"))
  }

  @Test func aClientWhoseCertificateHasExpiredIsTold() async throws {
    let old = try self.authority.issue(dns: ["client.test"], lifetime: -7_200 ... -3_600)
    let message = try await self.failure(
      server: self.authority.server(clients: .required),
      client: self.authority.client(with: old)
    )
    #expect(message.hasSuffix("this client's certificate has expired, says the server"))
  }

  @Test(arguments: [[], ["http/1.1"]])
  func aServerWithoutHTTP2IsRefused(protocols: [String]) async throws {
    let server = try await RawTLSServer(self.authority.issue(dns: ["node.test"])) {
      $0.applicationProtocols = protocols
    }
    let message = try await self.failure(at: server.endpoint, self.authority.client())
    #expect(message.hasSuffix("the server speaks TLS, but not HTTP/2: of h2 (ALPN) it chose nothing"))
    try await server.close()
  }

  @Test func aServerOfAnOlderVersionIsRefused() async throws {
    var client = try self.authority.client()
    client.tls?.minimumVersion = .tls13
    let server = try await RawTLSServer(self.authority.issue(dns: ["node.test"])) {
      $0.applicationProtocols = ["h2"]
      $0.maximumTLSVersion = .tlsv12
    }
    let message = try await self.failure(at: server.endpoint, client)
    #expect(message.hasSuffix("the server speaks no version of TLS that is allowed on both ends"))
    try await server.close()
  }

  @Test func aServerWithoutTLSIsNamed() async throws {
    let message = try await self.failure(server: ServerConfiguration(), client: self.authority.client())
    #expect(message.hasSuffix("the server does not speak TLS"))
  }

  @Test func aServerThatSaysNothingIsGivenUpInTime() async throws {
    let server = try await SilentServer()
    var client = try self.authority.client()
    client.connectTimeout = .milliseconds(100)
    let message = try await self.failure(at: server.endpoint, client)
    #expect(
      message.hasSuffix("the TLS handshake did not end within the 0.1 seconds that connecting may take")
    )
    try await server.close()
  }

  @Test func anAddressIsNoNameToAskFor() async throws {
    let message = try await self.failure(
      server: self.authority.server(),
      client: self.authority.client(serverName: "10.0.0.1")
    )
    #expect(message.contains("cannotUseIPAddressInSNI: IP addresses cannot validly be used"))
  }

  @Test func aClientThatIsClosedDuringAHandshakeIsClosedAtOnce() async throws {
    let server = try await SilentServer()
    let client = Client(to: server.endpoint, configuration: try self.authority.client())
    let call = Task { try await client.echo("hello") }
    let connected = try await server.firstConnection()
    await client.close()
    try await connected.get()
    await #expect(throws: RPCError.self) { try await call.value }
    try await server.close()
  }
}
