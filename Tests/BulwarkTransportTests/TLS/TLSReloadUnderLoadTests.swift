import BulwarkCore
import BulwarkWire
import NIOCore
import Testing

@testable import BulwarkTransport

/// Certificates and roots that change while clients call without a pause, on connections that are replaced all the time.
///
/// The server ends connections when they are 40 ms old. What is waited for is the event itself: a call on a connection
/// that began with the new certificate, or the refusal. All calls wait for a connection: on a machine that is slow enough
/// some are too old before their first call, and then the client waits a moment before the next.
@Suite(.timeLimit(.minutes(1))) struct TLSReloadUnderLoadTests {
  private let authority: TestAuthority
  private let other: TestAuthority
  private let files = CredentialFiles()

  init() throws {
    self.authority = try TestAuthority()
    self.other = try TestAuthority("Other Root")
  }

  /// What is in the files.
  private func credentials() throws -> TLSCredentials {
    try TLSCredentials(
      certificateChain: .file(self.files.chain),
      privateKey: .file(self.files.key),
      trustRoots: .pem(.file(self.files.roots))
    )
  }

  private func server(_ credentials: TLSCredentials) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(credentials, clients: .required)
    configuration.connectionLife.maxAge = .milliseconds(40)
    return configuration
  }

  private func client(_ credentials: TLSCredentials) -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.tls = ClientTLS(credentials, serverName: "node.test")
    return configuration
  }

  /// Credentials of a client of the authority.
  private func member(_ name: String) throws -> TLSCredentials {
    try self.authority.issue(dns: [name]).credentials(trusting: self.authority)
  }

  /// Writes the server's next certificate and waits until every client has made a call on a connection that began with it.
  private func replaceCertificate(
    _ name: String,
    of credentials: TLSCredentials,
    roots: [UInt8],
    until clients: [Client]
  ) async throws {
    try self.files.write(self.authority.issue(dns: ["node.test"], commonName: name), roots: roots)
    try credentials.reload()
    for client in clients {
      while client.peer.identity?.commonName != name {
        #expect(try await client.echo(name, options: .patient) == name)
      }
    }
  }

  @Test func noCallIsLostWhileTheServersCertificateIsReplacedAndAClientsRootIsRemoved() async throws {
    try self.files.write(self.authority.issue(dns: ["node.test"]), roots: self.authority.pem + self.other.pem)
    let credentials = try self.credentials()
    let outsider = try self.other.issue(dns: ["outsider.test"]).credentials(trusting: self.authority)
    try await withServer(ByteService(), configuration: self.server(credentials)) { _, endpoint in
      let members = try ["one.test", "two.test", "three.test"].map {
        Client(to: endpoint, configuration: self.client(try self.member($0)))
      }
      let removed = Client(to: endpoint, configuration: self.client(outsider))

      try await withLoad(members) {
        try await withLoad([removed]) {
          for number in 1...5 {
            try await self.replaceCertificate(
              "server \(number)",
              of: credentials,
              roots: self.authority.pem + self.other.pem,
              until: members + [removed]
            )
          }
        }

        // A call of the client that is about to be removed stands on its connection.
        _ = try await removed.bidirectional(ByteService.bidi, options: .patient) { requests, responses in
          var echoes = responses.makeAsyncIterator()
          try await requests.write(ByteBuffer(string: "let in"))
          #expect(try await echoes.next() == ByteBuffer(string: "let in"))

          try self.files.write(roots: self.authority.pem)
          try credentials.reload()
          let refusal = await removed.refusal()
          #expect(refusal.code == .unavailable)
          #expect(
            refusal.message
              == "not connected: \(endpoint): the server does not trust this client's certificate"
          )

          try await requests.write(ByteBuffer(string: "still in"))
          #expect(try await echoes.next() == ByteBuffer(string: "still in"))
        }

        for number in 6...8 {
          try await self.replaceCertificate(
            "server \(number)",
            of: credentials,
            roots: self.authority.pem,
            until: members
          )
        }
        let refusal = await removed.refusal()
        #expect(refusal.message.hasSuffix("the server does not trust this client's certificate"))
      }

      for client in members + [removed] {
        await client.close()
      }
    }
  }

  @Test func noCallIsLostWhileAClientsCertificateIsReplacedAndTheServersRootIsRemoved() async throws {
    // The service says whom it takes the client for.
    let service = ByteService(unary: { _, context in
      ByteBuffer(string: context.peer.identity?.commonName ?? "nobody")
    })
    let node = try self.authority.issue(dns: ["node.test"]).credentials(trusting: self.authority)
    try self.files.write(self.authority.issue(), roots: self.authority)
    let credentials = try self.credentials()
    try await withServer(service, configuration: self.server(node)) { _, endpoint in
      let faithful = Client(to: endpoint, configuration: self.client(try self.member("faithful.test")))
      let changing = Client(to: endpoint, configuration: self.client(credentials))

      try await withLoad([faithful]) {
        try await withLoad([changing]) {
          for number in 1...5 {
            let name = "client \(number)"
            try self.files.write(self.authority.issue(commonName: name), roots: self.authority)
            try credentials.reload()
            while try await changing.echo("who am I?", options: .patient) != name {}
          }
        }

        _ = try await changing.bidirectional(ByteService.bidi, options: .patient) { requests, responses in
          var echoes = responses.makeAsyncIterator()
          try await requests.write(ByteBuffer(string: "trusted"))
          #expect(try await echoes.next() == ByteBuffer(string: "trusted"))

          try self.files.write(roots: self.other.pem)
          try credentials.reload()
          let refusal = await changing.refusal()
          #expect(refusal.code == .unavailable)
          #expect(
            refusal.message == """
              not connected: \(endpoint): the server's certificate is not trusted: it leads to none of the trust roots
              """
          )

          try await requests.write(ByteBuffer(string: "still open"))
          #expect(try await echoes.next() == ByteBuffer(string: "still open"))
        }

        // Trusted again, it comes back by itself.
        try self.files.write(roots: self.authority.pem)
        try credentials.reload()
        let name = try await changing.echo("who am I?", options: .patient)
        #expect(name == "client 5")
      }

      await faithful.close()
      await changing.close()
    }
  }
}

extension CallInvoker {
  /// Calls until a call fails because of a handshake.
  fileprivate func refusal() async -> RPCError {
    while true {
      do throws(RPCError) {
        _ = try await self.echo("again")
      } catch {
        // Of a connection that was too old at once.
        if !error.message.contains("NO_ERROR") { return error }
      }
    }
  }
}

extension CallOptions {
  /// Of calls that wait for a connection.
  fileprivate static let patient = CallOptions(waitForReady: true)
}

/// Has each of the clients make calls of every kind, one after the other, and one that stays open, for as long as the
/// body lasts. A call that fails fails the test.
private func withLoad(
  _ clients: [Client],
  _ body: () async throws -> Void
) async throws {
  let isOver = Flag()
  try await withThrowingTaskGroup(of: Void.self) { callers in
    for client in clients {
      callers.addTask {
        while !isOver.isSet { _ = try await client.echo("unary", options: .patient) }
      }
      callers.addTask {
        while !isOver.isSet {
          let request = ByteBuffer(string: "a")
          let answers = client.serverStreaming(ByteService.serverStream, request, options: .patient)
          for try await answer in answers { #expect(answer == request) }
        }
      }
      callers.addTask {
        while !isOver.isSet {
          let collected = try await client.clientStreaming(ByteService.clientStream, options: .patient) {
            requests in
            try await requests.write(ByteBuffer(string: "b"))
            try await requests.write(ByteBuffer(string: "c"))
          }
          #expect(collected.message == ByteBuffer(string: "bc"))
        }
      }
      callers.addTask {
        try await client.bidirectional(ByteService.bidi, options: .patient) { requests, responses in
          var echoes = responses.makeAsyncIterator()
          while !isOver.isSet {
            try await requests.write(ByteBuffer(string: "d"))
            #expect(try await echoes.next() == ByteBuffer(string: "d"))
          }
        }
      }
    }
    // Whatever becomes of the body, the callers end.
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    _ = isOver.set()
    try await callers.waitForAll()
    try result.get()
  }
}
