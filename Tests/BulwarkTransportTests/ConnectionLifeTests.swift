import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BulwarkTransport

/// The ends of connections on real sockets; the times are short, and what is waited for is the event itself.
@Suite(.timeLimit(.minutes(1))) struct ConnectionLifeTests {
  private static func client(_ time: Duration, timeout: Duration = .seconds(30)) -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.keepalive = ClientKeepalive(unboundedTime: time, timeout: timeout)
    return configuration
  }

  // MARK: - Keepalive

  @Test(arguments: [false, true])
  func aCallOfAServerThatFallsSilentFailsAndTheNextOneGoesElsewhere(isSecure: Bool) async throws {
    let authority = try TestAuthority()
    let certificate = isSecure ? try authority.issue(dns: ["node.test"]) : nil
    let server = try await RawServer(securedBy: certificate) { frame, connection in
      // Not even the PINGs of the first connection are answered.
      connection > 1 ? RawFrame.answers(to: frame) : []
    }
    var configuration = Self.client(.milliseconds(50), timeout: .milliseconds(50))
    if isSecure { configuration.tls = ClientTLS(try authority.trust(), serverName: "node.test") }
    try await withClient(of: server.endpoint, configuration: configuration) { client async throws in
      let error = await #expect(throws: RPCError.self) { try await client.echo("lost") }
      #expect(error?.code == .unavailable)
      #expect(error?.message == "keepalive watchdog timeout")
      // A machine that is slow enough loses later connections for the same reason.
      var next: String?
      while next == nil {
        do throws(RPCError) {
          next = try await client.echo("next", options: CallOptions(waitForReady: true))
        } catch {
          #expect(error.message == "keepalive watchdog timeout")
        }
      }
      #expect(next == "next")
    }
    try await server.close()
  }

  /// The pings are those of the connection, whatever it runs over; here they go through TLS both ways.
  @Test func aServerOverTLSThatAnswersPingsKeepsItsCall() async throws {
    let authority = try TestAuthority()
    let pings = Total()
    let fourth = Promise<Void>()
    let server = try await RawServer(securedBy: authority.issue(dns: ["node.test"])) { frame, _ in
      guard frame.kind == .ping, frame.flags.isEmpty else { return [] }
      pings.add(1)
      if pings.value == 4 { fourth.complete(.success(())) }
      return RawFrame.answers(to: frame)
    }
    var configuration = Self.client(.milliseconds(20))
    configuration.tls = ClientTLS(try authority.trust(), serverName: "node.test")
    try await withClient(of: server.endpoint, configuration: configuration) { client async throws in
      let call = client.stream(ByteService.bidi.descriptor, CallOptions(), onlyRequest: nil)
      try await fourth.value()
      #expect((call as? ClientStreamCall)?.hasEnded == false)
      call.cancel()
    }
    try await server.close()
  }

  @Test func aServerIsPingedHalfAsOftenEachTimeItComplains() async throws {
    let pings = (0..<3).map { _ in Promise<MonotonicInstant>() }
    let server = try await RawServer { frame, connection in
      guard frame.kind == .ping, frame.flags.isEmpty, connection <= 3 else { return [] }
      pings[connection - 1].complete(.success(.now()))
      // The call is ended too: one that is only not processed would go on elsewhere.
      return [.reset(1, code: 8), .goAway(lastStream: 1, code: 0xb, debug: "too_many_pings")]
    }
    try await withClient(of: server.endpoint, configuration: Self.client(.milliseconds(20))) {
      client async throws in
      for (index, ping) in pings.enumerated() {
        // Open until the complaint has come, so that there is a reason to ping.
        let call = client.stream(
          ByteService.bidi.descriptor,
          CallOptions(waitForReady: true),
          onlyRequest: nil
        )
        let instant = try await ping.value()
        #expect(server.acceptances[index].duration(to: instant) >= .milliseconds(20 << index))
        await #expect(throws: RPCError.self) { try await call.next() }
      }
    }
    try await server.close()
  }

  @Test func aClientThatAnswersNoPingIsGivenUp() async throws {
    var configuration = ServerConfiguration()
    configuration.connectionLife.keepaliveTime = .milliseconds(20)
    configuration.connectionLife.keepaliveTimeout = .milliseconds(20)
    try await withServer(ByteService(), configuration: configuration) { server, endpoint in
      let client = try await RawClient(to: endpoint)
      client.send(.settings())
      try await client.closedByServer()
    }
  }

  @Test func aClientThatPingsTooOftenIsSentAway() async throws {
    try await withServer(ByteService()) { server, endpoint in
      let client = try await RawClient(to: endpoint)
      client.send(.settings(), .ping(), .ping(), .ping(), .ping())
      try await client.closedByServer()
    }
  }

  // MARK: - Age

  @Test func callsGoOnAcrossConnectionsThatBecomeTooOld() async throws {
    var configuration = ServerConfiguration()
    configuration.connectionLife.maxAge = .milliseconds(30)
    let service = ByteService(unary: { _, context in ByteBuffer(string: context.peer.address) })
    try await withConnection(to: service, server: configuration) { client in
      var addresses: Set<String> = []
      while addresses.count < 4 {
        addresses.insert(try await client.echo("", options: CallOptions(waitForReady: true)))
      }
    }
  }

  @Test func aCallThatOutlivesTheGraceOfItsConnectionFails() async throws {
    let handler = HeldHandler()
    var configuration = ServerConfiguration()
    configuration.connectionLife.maxAge = .milliseconds(50)
    configuration.connectionLife.maxAgeGrace = .milliseconds(30)
    try await withConnection(to: handler.service, server: configuration) { client async throws in
      let error = await #expect(throws: RPCError.self) {
        try await client.echo("hold", options: CallOptions(waitForReady: true))
      }
      #expect(error?.code == .unavailable)
      #expect(try await handler.end == .cancelled)
    }
  }

  // MARK: - Idleness

  @Test func aClientWithoutCallsLeavesAndTheNextCallConnectsAgain() async throws {
    let goodbye = Promise<Int>()
    let server = try await RawServer { frame, connection in
      if frame.kind == .goAway { goodbye.complete(.success(connection)) }
      return RawFrame.answers(to: frame)
    }
    var configuration = ClientConfiguration.impatient
    configuration.idleTimeout = .milliseconds(20)
    try await withClient(of: server.endpoint, configuration: configuration) { client async throws in
      let first = try await client.echo("first")
      #expect(first == "first")
      #expect(try await goodbye.value() == 1)
      #expect(server.connections == 1)
      let second = try await client.echo("second")
      #expect(second == "second")
      #expect(server.connections == 2)
    }
    try await server.close()
  }

  /// Else a server that ends idle connections would never be rid of it.
  @Test func aLostConnectionIsMadeAnewAtOnceOnlyIfThereWasACall() async throws {
    let server = try await RawServer { frame, connection in
      switch (connection, frame.kind) {
      case (1, .data): RawFrame.answers(to: frame) + [.goAway(lastStream: frame.stream, code: 0)]
      case (2, .settings) where frame.flags.isEmpty: [.goAway(lastStream: 0, code: 0)]
      default: RawFrame.answers(to: frame)
      }
    }
    try await withClient(of: server.endpoint) { client async throws in
      var updates = client.connectivityUpdates.makeAsyncIterator()
      let first = try await client.echo("first")
      #expect(first == "first")
      let expected: [ConnectivityState] = [.idle, .connecting, .ready, .idle, .connecting, .ready, .idle]
      var states: [ConnectivityState] = []
      while states.count < expected.count, let state = await updates.next() { states.append(state) }
      #expect(states == expected)
      // Whatever was to follow from the second loss at once has, when the loop has time for this.
      await Task(executorPreference: client.executor) {}.value
      #expect(client.connectivity == .idle)
      #expect(server.connections == 2)
      let second = try await client.echo("second")
      #expect(second == "second")
      #expect(server.connections == 3)
    }
    try await server.close()
  }

  @Test func aConnectionWithoutCallsIsEndedByItsServer() async throws {
    var configuration = ServerConfiguration()
    configuration.connectionLife.maxIdle = .milliseconds(20)
    let closed = Promise<Void>()
    let service = ByteService(unary: { message, context in message })
    try await withServer(service, configuration: configuration) { server, endpoint in
      let client = try await RawClient(to: endpoint) { frame in
        if frame.kind == .goAway { closed.complete(.success(())) }
      }
      client.send(.settings())
      try await closed.value()
      try await client.close()
    }
  }

  // MARK: - The kernel's part

  #if os(Linux)
  @Test func theKernelWaitsNoLongerThanAPingDoes() async throws {
    try await withServer(ByteService()) { _, endpoint in
      guard case .tcp(let host, let port) = endpoint else { return }
      let option = ChannelOptions.Types.SocketOption.tcpOption(NIOBSDSocket.Option(rawValue: 18))
      for (timeout, milliseconds) in [
        (Duration.seconds(7), 7000), (.zero, 1), (.seconds(Int64.max), Int(Int32.max)),
      ] {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .userTimeout(timeout).connect(host: host, port: port).get()
        #expect(try await channel.getOption(option).get() == milliseconds)
        try await channel.close()
      }
    }
  }
  #endif
}
