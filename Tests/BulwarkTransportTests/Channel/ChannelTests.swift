import BulwarkBalancing
import BulwarkCore
import BulwarkWire
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct ChannelTests {
  private func configuration(_ policy: LoadBalancingPolicy) -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.loadBalancing = policy
    return configuration
  }

  /// Makes a client for as long as the body lasts.
  private func withChannel<Result: Sendable>(
    _ client: Client,
    _ body: (Client) async throws -> Result
  ) async throws -> Result {
    let result = try await body(client)
    await client.close()
    return result
  }

  /// Waits until the client has been in a state.
  private func reached(_ state: ConnectivityState, _ client: Client) async {
    for await current in client.connectivityUpdates where current == state { return }
  }

  /// Which one that is, a slow machine decides: the next address is tried when the first takes too long.
  @Test func pickFirstSendsEveryCallToOneServer() async throws {
    try await withServers(3) { servers in
      let client = Client(to: servers.map(\.endpoint), configuration: self.configuration(.pickFirst()))
      try await self.withChannel(client) { client async throws in
        var answers: Set<String> = []
        for _ in 0..<10 {
          answers.insert(try await client.echo(""))
        }
        #expect(answers.count == 1)
      }
    }
  }

  @Test func pickFirstPassesOverAServerThatIsNotThere() async throws {
    try await withServers(1) { servers in
      let client = Client(
        to: [.nobody, servers[0].endpoint],
        configuration: self.configuration(.pickFirst())
      )
      try await self.withChannel(client) { client async throws in
        #expect(try await client.echo("") == "0")
      }
    }
  }

  @Test func roundRobinTakesTheServersInTurn() async throws {
    try await withServers(3) { servers in
      let client = Client(to: servers.map(\.endpoint), configuration: self.configuration(.roundRobin))
      try await self.withChannel(client) { client async throws in
        var answers: Set<String> = []
        while answers.count < 3 {
          answers.insert(try await client.echo(""))
        }
        var counts: [String: Int] = [:]
        for _ in 0..<30 {
          counts[try await client.echo(""), default: 0] += 1
        }
        #expect(counts == ["0": 10, "1": 10, "2": 10])
      }
    }
  }

  @Test func whenAServerStopsTheOthersTakeItsCalls() async throws {
    try await withServers(3) { servers in
      let client = Client(to: servers.map(\.endpoint), configuration: self.configuration(.roundRobin))
      try await self.withChannel(client) { client async throws in
        var answers: Set<String> = []
        while answers.count < 3 {
          answers.insert(try await client.echo(""))
        }
        servers[1].server.beginGracefulShutdown()
        // No call is lost while it goes; from some call on it has none.
        var sinceLast = 0
        while sinceLast < 20 {
          sinceLast = try await client.echo("") == "1" ? 0 : sinceLast + 1
        }
      }
    }
  }

  @Test func callsFailWithTheReasonWhileNoServerCanBeReached() async throws {
    for policy in [LoadBalancingPolicy.pickFirst(), .roundRobin] {
      try await self.withChannel(Client(to: [.nobody, .nobody], configuration: self.configuration(policy))) {
        client async throws in
        let error = await #expect(throws: RPCError.self) { try await client.echo("") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("No such file") == true, "\(error?.message ?? "")")
        await self.reached(.transientFailure, client)
      }
    }
  }

  @Test func withNoEndpointsEveryCallFails() async throws {
    try await self.withChannel(Client(to: [Endpoint]())) { client async throws in
      let error = await #expect(throws: RPCError.self) { try await client.echo("") }
      #expect(error?.code == .unavailable)
    }
  }

  // MARK: - Connectivity

  @Test func theStateIsIdleUntilTheFirstCallAndShutdownAtTheEnd() async throws {
    try await withServers(1) { servers in
      let client = Client(to: servers[0].endpoint)
      let updates = client.connectivityUpdates
      #expect(client.connectivity == .idle)
      _ = try await client.echo("")
      #expect(client.connectivity == .ready)
      await client.close()
      #expect(client.connectivity == .shutdown)
      let states = await updates.reduce(into: []) { $0.append($1) }
      #expect(states == [.idle, .connecting, .ready, .shutdown])
    }
  }

  @Test func aClientConnectsWithoutACall() async throws {
    try await withServers(1) { servers in
      try await self.withChannel(Client(to: servers[0].endpoint)) { client async throws in
        client.connect()
        await self.reached(.ready, client)
      }
    }
  }

  @Test func aResetOfTheBackoffConnectsAtOnce() async throws {
    let endpoint = Endpoint.newSocket()
    var patient = ClientConfiguration()
    patient.backoff.initial = .seconds(3600)
    patient.backoff.maximum = .seconds(3600)
    try await self.withChannel(Client(to: endpoint, configuration: patient)) { client async throws in
      client.connect()
      await self.reached(.transientFailure, client)
      try await withServer(ByteService(), at: endpoint) { _, _ in
        client.resetBackoff()
        await self.reached(.ready, client)
      }
    }
  }

  // MARK: - Resolvers

  @Test func aResolverIsAskedWhenTheFirstCallIsMade() async throws {
    try await withServers(2) { servers in
      let resolver = SettableResolver([servers[1].endpoint])
      try await self.withChannel(Client(to: resolver)) { client async throws in
        #expect(await resolver.resolutions == 0)
        #expect(try await client.echo("") == "1")
        #expect(await resolver.resolutions == 1)
        #expect(client.peer.address == "service.test")
      }
    }
  }

  @Test func aFailedResolutionFailsTheCallsThatDoNotWait() async throws {
    let resolver = SettableResolver(nil)
    try await self.withChannel(Client(to: resolver)) { client async throws in
      let error = await #expect(throws: RPCError.self) { try await client.echo("") }
      #expect(error?.code == .unavailable)
      #expect(error?.message == "service.test could not be resolved: NoAnswer()")
    }
  }

  @Test func newEndpointsAreUsedAndThoseThatAreGoneAreLeft() async throws {
    try await withServers(2) { servers in
      let resolver = SettableResolver([servers[0].endpoint])
      let client = Client(to: resolver, configuration: self.configuration(.roundRobin))
      try await self.withChannel(client) { client async throws in
        #expect(try await client.echo("") == "0")
        await resolver.set([servers[1].endpoint])
        client.refreshEndpoints()
        while try await client.echo("") == "0" {}
        #expect(try await client.echo("") == "1")
      }
    }
  }

  @Test func aResolutionThatFailsLaterLeavesTheEndpointsAsTheyWere() async throws {
    try await withServers(1) { servers in
      let resolver = SettableResolver([servers[0].endpoint])
      try await self.withChannel(Client(to: resolver)) { client async throws in
        _ = try await client.echo("")
        await resolver.set(nil)
        client.refreshEndpoints()
        while await resolver.resolutions < 2 { await Task.yield() }
        #expect(try await client.echo("") == "0")
      }
    }
  }

  @Test func aLostServerHasTheResolverAskedAgain() async throws {
    try await withServers(2) { servers in
      let resolver = SettableResolver([servers[0].endpoint])
      var configuration = self.configuration(.roundRobin)
      configuration.resolution.minimumInterval = .zero
      try await self.withChannel(Client(to: resolver, configuration: configuration)) { client async throws in
        _ = try await client.echo("")
        await resolver.set([servers[1].endpoint])
        servers[0].server.beginGracefulShutdown()
        while try await client.echo("", options: CallOptions(waitForReady: true)) == "0" {}
      }
    }
  }

  // MARK: - Targets

  @Test(arguments: ["dns:///localhost:", "ipv4:127.0.0.1:", "127.0.0.1:", "localhost:"])
  func aTargetIsReachedByItsText(_ start: String) async throws {
    try await withServers(1) { servers in
      guard case .tcp(_, let port) = servers[0].endpoint else { return }
      let client = Client(to: try ChannelTarget("\(start)\(port)"), configuration: .impatient)
      try await self.withChannel(client) { client async throws in
        #expect(try await client.echo("") == "0")
        #expect(client.peer.address == "\(start)\(port)")
      }
    }
  }

  @Test func aUnixSocketIsATarget() async throws {
    let socket = Endpoint.newSocket()
    try await withServer(ByteService(), at: socket) { _, _ in
      let client = Client(to: try ChannelTarget(socket.description))
      try await self.withChannel(client) { client async throws in
        #expect(try await client.echo("over a socket") == "over a socket")
      }
    }
  }

  @Test func aHostThatNobodyKnowsIsNamedInTheFailure() async throws {
    let client = Client(to: try ChannelTarget("dns:///nobody.invalid:1"))
    try await self.withChannel(client) { client async throws in
      let error = await #expect(throws: RPCError.self) { try await client.echo("") }
      #expect(error?.code == .unavailable)
      #expect(error?.message.hasPrefix("nobody.invalid:1 could not be resolved") == true)
    }
  }
}
