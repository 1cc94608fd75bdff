import Bulwark
import BulwarkProtobuf
import BulwarkResilience
import ConsensusService

/// Four validators, each with its node behind a server of its own, and a client to every node.
struct Committee: Sendable {
  struct Member: Sendable {
    let index: Int
    let key: MockKey
    let node: ConsensusNode

    /// What is done to the calls that come to this member's node.
    let faults: MockFaults

    /// This member's clients, one for each node, its own included: all that passes between members goes through them.
    let peers: [ConsensusServiceClient]

    /// A client of its own node that no circuit stands before.
    let own: ConsensusServiceClient
  }

  let members: [Member]

  /// Where the nodes listen.
  let targets: [String]

  /// What each member has around its calls: a circuit for each node.
  private static let policies = PolicySet {
    Calls(toService: ConsensusServiceMethods.submitVote.descriptor.service)
      .circuitBreaker(failureThreshold: 0.3, minimumCalls: 10, breakDuration: .seconds(5), as: "node")
      .with { $0.circuitBreaker?.consecutiveFailures = 3 }
  }

  /// Starts the servers, connects everyone with everyone, and stops all of it when `body` is done.
  static func withRunning<Result: Sendable>(size: UInt32, _ body: (Committee) async throws -> Result)
    async throws -> Result
  {
    let genesis = Genesis.mock(chainID: Stage.chainID, validators: size)
    let nodes = (0..<size).map { _ in (ConsensusNode(genesis: genesis), MockFaults()) }
    let servers = nodes.map { node, faults in
      Server(listening: .tcp(host: "127.0.0.1", port: 0), interceptors: [faults]) { node }
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for server in servers {
        group.addTask { try await server.run() }
      }
      var endpoints: [Endpoint] = []
      for server in servers {
        endpoints.append(try await server.listeningEndpoint)
      }
      let clients = nodes.map { _ in endpoints.map { Client(to: $0) } }
      let result = try await body(try Committee(nodes: nodes, clients: clients, endpoints: endpoints))
      for client in clients.joined() {
        await client.close()
      }
      for ((node, _), server) in zip(nodes, servers) {
        node.stopStreams()
        server.beginGracefulShutdown()
      }
      try await group.waitForAll()
      return result
    }
  }

  private init(nodes: [(ConsensusNode, MockFaults)], clients: [[Client]], endpoints: [Endpoint]) throws {
    self.targets = endpoints.map(\.description)
    self.members = try nodes.indices.map { index in
      let policies = try Policies(code: Self.policies)
      return Member(
        index: index,
        key: MockKey(chainID: Stage.chainID, index: UInt32(index)),
        node: nodes[index].0,
        faults: nodes[index].1,
        peers: clients[index].map { ConsensusServiceClient($0.protected(by: policies)) },
        own: ConsensusServiceClient(clients[index][index])
      )
    }
  }

  /// The hashes of the blocks that a member's node has decided, as the node itself tells.
  func chain(of member: Member) async throws -> [[UInt8]] {
    let height = try await member.own.getStatus(GetStatusRequest(), timeout: .seconds(5)).height
    guard height > 0 else { return [] }
    let request = SyncBlocksRequest.with {
      $0.fromHeight = 1
      $0.toHeight = height
    }
    var chain: [[UInt8]] = []
    for try await answer in member.own.syncBlocks(request, timeout: .seconds(5)) {
      chain += answer.blocks.map(\.id.hash)
    }
    return chain
  }
}
