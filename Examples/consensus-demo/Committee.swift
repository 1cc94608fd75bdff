import Bulwark
import BulwarkProtobuf
import ConsensusService

/// Four validators, each with its node behind a server of its own, and a client to every node.
struct Committee: Sendable {
  struct Member: Sendable {
    let index: Int
    let key: MockKey
    let node: ConsensusNode

    /// This member's clients, one for each node, its own included: all that passes between members goes through them.
    let peers: [ConsensusServiceClient]
  }

  static let chainID = "bulwark-demo"

  let members: [Member]

  /// Where the nodes listen.
  let targets: [String]

  let measurements = Measurements()

  /// Starts the servers, connects everyone with everyone, and stops all of it when `body` is done.
  static func withRunning(size: UInt32, _ body: (Committee) async throws -> Void) async throws {
    let genesis = Genesis.mock(chainID: Self.chainID, validators: size)
    let nodes = (0..<size).map { _ in ConsensusNode(genesis: genesis) }
    let servers = nodes.map { node in
      Server(listening: .tcp(host: "127.0.0.1", port: 0)) { node }
    }
    try await withThrowingTaskGroup { group in
      for server in servers {
        group.addTask { try await server.run() }
      }
      var endpoints: [Endpoint] = []
      for server in servers {
        endpoints.append(try await server.listeningEndpoint)
      }
      let clients = nodes.map { _ in endpoints.map { Client(to: $0) } }
      try await body(Committee(nodes: nodes, clients: clients, endpoints: endpoints))
      for client in clients.joined() {
        await client.close()
      }
      for (node, server) in zip(nodes, servers) {
        node.stopStreams()
        server.beginGracefulShutdown()
      }
      try await group.waitForAll()
    }
  }

  private init(nodes: [ConsensusNode], clients: [[Client]], endpoints: [Endpoint]) {
    self.targets = endpoints.map(\.description)
    self.members = nodes.indices.map { index in
      Member(
        index: index,
        key: MockKey(chainID: Self.chainID, index: UInt32(index)),
        node: nodes[index],
        peers: clients[index].map { ConsensusServiceClient($0) }
      )
    }
  }

  /// Runs something for each member at each node, all at once.
  func everyoneToEveryone(
    _ body: @escaping @Sendable (_ from: Member, _ to: ConsensusServiceClient) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for member in self.members {
        for peer in member.peers {
          group.addTask { try await body(member, peer) }
        }
      }
      try await group.waitForAll()
    }
  }

  /// The hashes of the blocks that each node has decided, as the node itself tells.
  func chains(upTo height: UInt64) async throws -> [[[UInt8]]] {
    var chains: [[[UInt8]]] = []
    for member in self.members {
      let request = SyncBlocksRequest.with {
        $0.fromHeight = 1
        $0.toHeight = height
      }
      var chain: [[UInt8]] = []
      for try await answer in member.peers[member.index].syncBlocks(request, timeout: .seconds(5)) {
        chain += answer.blocks.map(\.id.hash)
      }
      chains.append(chain)
    }
    return chains
  }
}
