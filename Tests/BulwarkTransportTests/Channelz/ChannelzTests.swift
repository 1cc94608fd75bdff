import BulwarkCore
import BulwarkHTTP2
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct ChannelzTests {
  private let registry = ChannelzRegistry()
  /// What the server had counted when the latest call came that asked for it: on its own loop, so that nothing is under
  /// way.
  private let seen = SeenCounts()

  private var service: ByteService {
    ByteService(unary: { [registry, seen] message, _ in
      switch String(buffer: message) {
      case "fail": throw RPCError(code: .notFound, message: "as asked")
      case "look": seen.look(registry)
      default: break
      }
      return message
    })
  }

  private var server: ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.channelz = self.registry
    return configuration
  }

  private var client: ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.channelz = self.registry
    return configuration
  }

  /// Two calls that end with OK, one that fails, a stream of two messages each way, and one that looks.
  private func makeCalls(_ client: Client) async throws {
    _ = try await client.echo("one")
    _ = try await client.echo("two")
    await #expect(throws: RPCError.self) { try await client.echo("fail") }
    try await client.bidirectional(ByteService.bidi) { requests, responses in
      var iterator = responses.makeAsyncIterator()
      for text in ["a", "b"] {
        try await requests.write(ByteBuffer(string: text))
        #expect(try await iterator.next() == ByteBuffer(string: text))
      }
      requests.finish()
      #expect(try await iterator.next() == nil)
    }
    _ = try await client.echo("look")
  }

  @Test func `A server counts its calls, and what its connection did`() async throws {
    try await withConnection(to: self.service, server: self.server) { client in
      try await self.makeCalls(client)
      let calls = self.seen.calls
      #expect(calls.started == 5)
      #expect(calls.succeeded == 3)
      #expect(calls.failed == 1)
      let totals = self.seen.connection
      #expect(totals.calls == calls)
      // The failure was a stream like the others: its trailers ended it.
      #expect(totals.streamsSucceeded == 4)
      #expect(totals.streamsFailed == 0)
      #expect(totals.messagesReceived == 6)
      #expect(totals.messagesSent == 4)
    }
  }

  @Test func `A client counts its calls, once as a channel and once on the connection`() async throws {
    try await withConnection(to: self.service, client: self.client) { client in
      try await self.makeCalls(client)
      let channel = try #require(self.registry.channels(from: 0, limit: 2).entities.first)
      let subchannel = try #require(channel.subchannels.first)
      let socket = try #require(subchannel.connections.sockets.first)
      for calls in [channel.callTotals, subchannel.callTotals, socket.counters.callTotals] {
        #expect(calls.started == 5)
        #expect(calls.succeeded == 4)
        #expect(calls.failed == 1)
      }
      let totals = socket.counters.totals
      #expect(totals.streamsSucceeded == 5)
      #expect(totals.messagesSent == 6)
      #expect(totals.messagesReceived == 5)
    }
  }

  @Test func `A call that is given up is a stream that failed`() async throws {
    let handler = HeldHandler()
    try await withConnection(to: handler.service, client: self.client) { client in
      let held = Task { try await client.echo("hold") }
      try await handler.hasStarted()
      held.cancel()
      await #expect(throws: RPCError.self) { try await held.value }
      _ = try await client.echo("after")
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      #expect(channel.callTotals.failed == 1)
      let socket = try #require(channel.subchannels.first?.connections.sockets.first)
      #expect(socket.counters.totals.streamsFailed == 1)
      #expect(socket.counters.totals.streamsSucceeded == 1)
    }
  }

  @Test func `Both ends of a connection know each other's addresses`() async throws {
    try await withConnection(to: self.service, server: self.server, client: self.client) { client in
      _ = try await client.echo("one")
      let server = try #require(self.registry.servers(from: 0, limit: 1).entities.first)
      let accepted = try #require(server.connections.sockets.first)
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      let made = try #require(channel.subchannels.first?.connections.sockets.first)
      #expect(accepted.local != nil)
      #expect(accepted.local == made.remote)
      #expect(accepted.remote == made.local)
      #expect(server.listeners.sockets.map(\.local) == [accepted.local])
    }
  }

  @Test func `A connection tells of its windows, and of no security where there is none`() async throws {
    try await withConnection(to: self.service, client: self.client) { client in
      _ = try await client.echo("one")
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      let details = try #require(await channel.subchannels.first?.connections.sockets.first?.details)
      let window = ClientConfiguration().http2.connectionWindow
      // Less the few bytes of the answer, for which no WINDOW_UPDATE was worth sending.
      #expect((window - 100...window).contains(details.remoteWindow))
      #expect(details.localWindow > 65_535)
      #expect(details.security == nil)
    }
  }

  @Test func `Over TLS a connection tells of the version and of both certificates`() async throws {
    let authority = try TestAuthority()
    var server = try authority.server()
    server.channelz = self.registry
    var client = try authority.client()
    client.channelz = self.registry
    try await withConnection(to: self.service, server: server, client: client) { client in
      _ = try await client.echo("one")
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      let made = try #require(await channel.subchannels.first?.connections.sockets.first?.details?.security)
      #expect(made.version == "TLSv1.3")
      #expect(made.localCertificate == nil)
      let running = try #require(self.registry.servers(from: 0, limit: 1).entities.first)
      let accepted = try #require(await running.connections.sockets.first?.details?.security)
      #expect(accepted.localCertificate != nil)
      #expect(accepted.localCertificate == made.remoteCertificate)
      #expect(accepted.remoteCertificate == nil)
    }
    #expect(self.registry.count == 0)
  }

  @Test func `The state of a channel and of its endpoint is followed`() async throws {
    try await withConnection(to: self.service, client: self.client) { client in
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      #expect(channel.connectivity == .idle)
      #expect(channel.subchannels.isEmpty)
      _ = try await client.echo("one")
      #expect(channel.connectivity == .ready)
      #expect(channel.target == client.peer.address)
      let subchannel = try #require(channel.subchannels.first)
      #expect(subchannel.connectivity == .ready)
      #expect(
        subchannel.trace.events.map(\.description) == [
          "connectivity changed to CONNECTING", "connectivity changed to READY",
        ]
      )
      #expect(channel.trace.events.contains { $0.subchannel == subchannel.id })
    }
  }

  @Test func `An endpoint that cannot be reached says why, and its calls have failed`() async throws {
    let nobody = Endpoint.newSocket()
    try await withClient(of: nobody, configuration: self.client) { client in
      await #expect(throws: RPCError.self) { try await client.echo("one") }
      let channel = try #require(self.registry.channels(from: 0, limit: 1).entities.first)
      #expect(channel.callTotals.failed == 1)
      let subchannel = try #require(channel.subchannels.first)
      #expect(subchannel.callTotals.started == 0)
      let warning = try #require(subchannel.trace.events.first { $0.severity == .warning })
      #expect(warning.description.contains("TRANSIENT_FAILURE: "))
    }
    #expect(self.registry.count == 0)
  }

  @Test func `What is closed leaves no entry`() async throws {
    try await withConnection(to: self.service, server: self.server, client: self.client) { client in
      _ = try await client.echo("one")
      // A server, its listener and its connection; a channel, its endpoint and its connection.
      #expect(self.registry.count == 6)
    }
    #expect(self.registry.count == 0)
  }

  @Test func `A server that cannot listen leaves no entry`() async throws {
    try await withServer(self.service) { _, endpoint in
      let second = Server(listening: endpoint, configuration: self.server) { self.service }
      await #expect(throws: (any Error).self) { try await second.run() }
      #expect(self.registry.count == 0)
    }
  }

  @Test(arguments: [
    ("127.0.0.1", [127, 0, 0, 1]),
    ("::1", [UInt8](repeating: 0, count: 15) + [1]),
    ("fe80::1:2%eth0", [0xFE, 0x80] + [UInt8](repeating: 0, count: 11) + [1, 0, 2]),
    ("::", [UInt8](repeating: 0, count: 16)),
    ("::ffff:1.2.3.4", [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 1, 2, 3, 4]),
    ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
  ])
  func `An address is told in the bytes that it stands for`(text: String, bytes: [UInt8]) {
    #expect(ChannelzAddress.bytes(ofAddress: text) == bytes)
  }

  @Test(arguments: ["", "1.2.3", "1.2.3.256", "1:2", "x::", "1:2:3:4:5:6:7:8:9", "1::2::3"])
  func `What is no address has no bytes`(text: String) {
    #expect(ChannelzAddress.bytes(ofAddress: text) == nil)
  }
}

/// What a handler has read.
private final class SeenCounts: Sendable {
  private let state = Mutex((calls: CallTotals(), connection: ConnectionTotals()))

  var calls: CallTotals { self.state.withLock { $0.calls } }
  var connection: ConnectionTotals { self.state.withLock { $0.connection } }

  func look(_ registry: ChannelzRegistry) {
    guard let server = registry.servers(from: 0, limit: 1).entities.first,
      let socket = server.connections.sockets.first
    else { return }
    self.state.withLock { $0 = (server.callTotals, socket.counters.totals) }
  }
}
