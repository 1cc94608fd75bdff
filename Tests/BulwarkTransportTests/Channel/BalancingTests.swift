import BulwarkBalancing
import BulwarkCore
import BulwarkHTTP2
import NIOCore
import Testing

@testable import BulwarkTransport

/// That each policy's machine is driven as it should be; what it decides is the matter of its own tests.
@Suite(.timeLimit(.minutes(1))) struct BalancingTests {
  private func withClient<Result: Sendable>(
    of endpoints: [Endpoint],
    _ configure: (inout ClientConfiguration) -> Void,
    _ body: (Client) async throws -> Result
  ) async throws -> Result {
    var configuration = ClientConfiguration.impatient
    configure(&configuration)
    let client = Client(to: endpoints, configuration: configuration)
    let result = try await body(client)
    await client.close()
    return result
  }

  @Test func callsOfOneKeyGoToOneServer() async throws {
    try await withServers(4) { servers in
      try await self.withClient(of: servers.map(\.endpoint)) {
        $0.loadBalancing = .ringHash(RingHashOptions(requestHashHeader: "validator"))
      } _: { client async throws in
        var servers: Set<String> = []
        for validator in 0..<40 {
          var answers: Set<String> = []
          for _ in 0..<3 {
            var options = CallOptions()
            options.metadata = ["validator": "\(validator)"]
            answers.insert(try await client.echo("", options: options))
          }
          #expect(answers.count == 1, "validator \(validator)")
          servers.formUnion(answers)
        }
        #expect(servers.count == 4)
      }
    }
  }

  @Test func aServerThatHoldsACallGetsFewerOthers() async throws {
    let held = HeldHandler()
    let slow = ByteService(unary: { message, _ in
      if message == .hold { try await held.run() }
      return ByteBuffer(string: "slow")
    })
    try await withServer(slow) { _, slowEndpoint in
      try await withServers(1) { servers in
        try await self.withClient(of: [slowEndpoint, servers[0].endpoint]) {
          $0.loadBalancing = .leastRequest(LeastRequestOptions(measure: .activeCalls))
        } _: { client async throws in
          var answers: [String: Int] = [:]
          while answers.count < 2 {
            answers[try await client.echo(""), default: 0] += 1
          }
          let holding = try await self.holdOne(client, held)
          answers = [:]
          for _ in 0..<200 {
            answers[try await client.echo(""), default: 0] += 1
          }
          #expect(answers == ["0": 200])
          held.release()
          #expect(try await holding.value == "slow")
        }
      }
    }
  }

  /// Makes calls until the handler holds one, which is returned; the other server answers those that come its way.
  private func holdOne(_ client: Client, _ held: HeldHandler) async throws -> Task<String, any Error> {
    while true {
      let (isHeld, told) = AsyncStream.makeStream(of: Bool.self)
      let call = Task {
        defer { told.yield(false) }
        return try await client.echo("hold")
      }
      let watch = Task {
        try await held.hasStarted()
        told.yield(true)
      }
      for await isHeld in isHeld {
        watch.cancel()
        if isHeld { return call }
        break
      }
    }
  }

  @Test func aServerWhoseCallsFailIsLeftOut() async throws {
    let broken = ByteService(unary: { _, _ in throw RPCError(code: .unavailable, message: "broken") })
    try await withServer(broken) { _, brokenEndpoint in
      try await withServers(3) { servers in
        try await self.withClient(of: [brokenEndpoint] + servers.map(\.endpoint)) {
          $0.loadBalancing = .roundRobin
          $0.outlierDetection.interval = .milliseconds(20)
          $0.outlierDetection.baseEjectionTime = .seconds(3600)
          $0.outlierDetection.maximumEjectionTime = .seconds(3600)
          $0.outlierDetection.maximumEjectionPercent = 50
          $0.outlierDetection.failurePercentage = FailurePercentageEjection(minimumHosts: 1, requestVolume: 1)
        } _: { client async throws in
          var sinceFailure = 0
          while sinceFailure < 40 {
            let answer = try? await client.echo("")
            sinceFailure = answer == nil ? 0 : sinceFailure + 1
          }
        }
      }
    }
  }

  @Test func anOptionOutOfRangeFailsEveryCallWithItsName() async throws {
    try await self.withClient(of: [.nobody]) {
      $0.loadBalancing = .leastRequest(LeastRequestOptions(choiceCount: 1))
    } _: { client async throws in
      for waits in [false, true] {
        let error = await #expect(throws: RPCError.self) {
          try await client.echo("", options: CallOptions(waitForReady: waits))
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("choiceCount is 1; allowed: 2 to 10") == true)
      }
    }
  }

  @Test func aFurtherConnectionIsMadeWhenTheFirstIsFull() async throws {
    let peers = Peers()
    let handler = HeldHandler()
    let service = ByteService(unary: { message, context in
      await peers.add(context.peer.address)
      if message == .hold { try await handler.run() }
      return message
    })
    var server = ServerConfiguration()
    server.http2.maxConcurrentStreams = 1
    try await withServer(service, configuration: server) { _, endpoint async throws in
      try await self.withClient(of: [endpoint]) {
        $0.maxConnectionsPerEndpoint = 2
      } _: { client async throws in
        let first = Task { try await client.echo("hold") }
        try await handler.hasStarted()
        #expect(try await client.echo("beside it") == "beside it")
        #expect(await peers.addresses.count == 2)
        handler.release()
        #expect(try await first.value == "hold")
      }
    }
  }

  private actor Peers {
    private(set) var addresses: Set<String> = []
    func add(_ address: String) { self.addresses.insert(address) }
  }
}
