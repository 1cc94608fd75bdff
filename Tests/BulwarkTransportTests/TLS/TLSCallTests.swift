import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct TLSCallTests {
  private let authority: TestAuthority

  init() throws {
    self.authority = try TestAuthority()
  }

  @Test func everyKindOfCallWorks() async throws {
    try await withConnection(
      to: ByteService(),
      server: self.authority.server(),
      client: self.authority.client()
    ) { client in
      try await client.expectEcho("unary")
      let collected = try await client.clientStreaming(ByteService.clientStream) { requests in
        try await requests.write(ByteBuffer(string: "a"))
        try await requests.write(ByteBuffer(string: "b"))
      }
      #expect(collected.message == ByteBuffer(string: "ab"))
      let large = ByteBuffer(repeating: 7, count: 300_000)
      let answers = client.serverStreaming(ByteService.serverStream, large)
      var count = 0
      for try await answer in answers {
        #expect(answer == large)
        count += 1
      }
      #expect(count == 3)
      let echo = try await client.bidirectional(ByteService.bidi) { requests, responses in
        var iterator = responses.makeAsyncIterator()
        try await requests.write(large)
        return try await iterator.next()
      }
      #expect(echo == large)
    }
  }

  @Test func aServerWithoutClientCertificatesKnowsTheAddressAlone() async throws {
    let seen = SeenPeer()
    try await withConnection(
      to: seen.service,
      server: self.authority.server(),
      client: self.authority.client()
    ) { client in
      _ = try await client.echo("hello")
      let peer = try #require(seen.peer)
      #expect(peer.identity == nil)
      #expect(peer.key == "ipv4:127.0.0.1")
    }
  }

  @Test(arguments: [ClientVerification.required, .optional])
  func theHandlerKnowsWhatTheClientHasProved(clients: ClientVerification) async throws {
    let seen = SeenPeer()
    let certificate = try self.authority.issue(
      dns: ["v3.test"],
      uris: ["spiffe://chain/validator/3"],
      commonName: "validator 3"
    )
    try await withConnection(
      to: seen.service,
      server: self.authority.server(clients: clients),
      client: self.authority.client(with: certificate)
    ) { client in
      _ = try await client.echo("hello")
      let identity = try #require(seen.peer?.identity)
      #expect(identity.uriNames == ["spiffe://chain/validator/3"])
      #expect(identity.dnsNames == ["v3.test"])
      #expect(identity.commonName == "validator 3")
      #expect(identity.certificate.count > 100 && identity.publicKey.count > 64)
      #expect(seen.peer?.key == "uri:spiffe://chain/validator/3")
    }
  }

  @Test func aClientWithoutACertificateGetsInWhereItIsOptional() async throws {
    let seen = SeenPeer()
    try await withConnection(
      to: seen.service,
      server: self.authority.server(clients: .optional),
      client: self.authority.client()
    ) { client in
      try await client.expectEcho("hello")
      #expect(seen.peer?.identity == nil)
    }
  }

  @Test func aGateSeesTheIdentityBeforeTheBodyIsRead() async throws {
    let server = Server(
      listening: .anyPort,
      configuration: try self.authority.server(clients: .required),
      gates: [OnlyValidators()]
    ) { ByteService() }
    let running = Task { try await server.run() }
    let endpoint = try await server.listeningEndpoint
    let validator = try self.authority.client(
      with: self.authority.issue(uris: ["spiffe://chain/validator/1"])
    )
    try await withClient(of: endpoint, configuration: validator) { client in
      try await client.expectEcho("in")
    }
    let stranger = try self.authority.client(with: self.authority.issue(uris: ["spiffe://chain/observer"]))
    try await withClient(of: endpoint, configuration: stranger) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("out") }
      #expect(error?.code == .permissionDenied)
    }
    server.beginGracefulShutdown()
    try await running.value
  }

  @Test func theClientKnowsWhoTheServerIs() async throws {
    try await withConnection(
      to: ByteService(),
      server: self.authority.server(),
      client: self.authority.client()
    ) { client in
      #expect(client.peer.identity == nil)
      _ = try await client.echo("hello")
      #expect(client.peer.identity?.dnsNames == ["node.test", "localhost"])
      #expect(client.peer.key == "dns:node.test")
      let watcher = SeenPeer()
      _ = try await client.intercepted(by: [watcher]).echo("hello")
      #expect(watcher.peer == client.peer)
    }
  }

  @Test func withoutANameTheCertificateHasToCarryTheAddress() async throws {
    let certificate = try self.authority.issue(addresses: [[127, 0, 0, 1]])
    try await withConnection(
      to: ByteService(),
      server: self.authority.server(with: certificate),
      client: self.authority.client(serverName: nil)
    ) { client in
      try await client.expectEcho("by address")
    }
  }

  @Test func aServerCanBeKnownByItsURINameAlone() async throws {
    var configuration = try self.authority.client(serverName: nil)
    configuration.tls?.verification = .uri("spiffe://chain/validator/1")
    let certificate = try self.authority.issue(uris: ["spiffe://chain/validator/1"])
    try await withConnection(
      to: ByteService(),
      server: self.authority.server(with: certificate),
      client: configuration
    ) { client in
      try await client.expectEcho("hello")
    }
  }

  @Test func anyNameWillDoWhereTheRootsVouchForServersAlone() async throws {
    var configuration = try self.authority.client(serverName: nil)
    configuration.tls?.verification = .anyName
    try await withConnection(to: ByteService(), server: self.authority.server(), client: configuration) {
      try await $0.expectEcho("hello")
    }
  }

  @Test func bothVersionsAreSpoken() async throws {
    for version in [TLSProtocolVersion.tls12, .tls13] {
      var server = try self.authority.server()
      server.tls?.minimumVersion = version
      try await withConnection(to: ByteService(), server: server, client: self.authority.client()) {
        try await $0.expectEcho("hello")
      }
    }
  }

  @Test(arguments: [true, false])
  func aUnixSocketCarriesCallsWithAndWithoutTLS(isSecure: Bool) async throws {
    let seen = SeenPeer()
    let server = isSecure ? try self.authority.server() : ServerConfiguration()
    // The certificate is for localhost, which is what a socket of this host is taken for.
    let client = isSecure ? try self.authority.client(serverName: nil) : .impatient
    try await withServer(seen.service, at: .newSocket(), configuration: server) { _, endpoint in
      try await withClient(of: endpoint, configuration: client) { client in
        try await client.expectEcho("local")
        #expect(seen.peer?.key == "unix:")
        #expect((client.peer.identity != nil) == isSecure)
      }
    }
  }
}

/// What a handler or a client's interceptor was told of the other end.
private final class SeenPeer: Interceptor {
  private let state = Mutex<Peer?>(nil)

  var peer: Peer? { self.state.withLock { $0 } }

  var service: ByteService {
    ByteService(unary: { message, context in
      self.state.withLock { $0 = context.peer }
      return message
    })
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.state.withLock { $0 = request.peer }
    return try await next(request)
  }
}

private struct OnlyValidators: AdmissionGate {
  func admit(_ call: inout ArrivingCall) -> Admission {
    call.peer.key.hasPrefix("uri:spiffe://chain/validator/")
      ? .admitted : .rejected(RPCError(code: .permissionDenied, message: "no validator"))
  }
}
