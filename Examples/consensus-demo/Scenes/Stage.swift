import Bulwark
import BulwarkProtobuf
import BulwarkResilience
import ConsensusService

/// A lone validator behind a server on a free port, with faults on request, and a client of it.
struct Stage: Sendable {
  static let chainID = "bulwark-demo"

  let faults: MockFaults
  let running: RunningGauge

  /// What the server's policies did.
  let serverManager: ResilienceManager
  /// What the client's policies did.
  let clientManager: ResilienceManager

  /// Submits the same vote each time, which the node takes as often as it comes.
  let submitVote: SceneCall
  /// Proposes the same block each time, of ten small transactions.
  let proposeBlock: SceneCall
  /// Has that block verified.
  let verifyBlock: SceneCall

  /// Starts a server with the one and a client with the other policies, and stops both when `body` is done.
  static func withRunning<Result: Sendable>(
    server serverPolicies: PolicySet = PolicySet(),
    client clientPolicies: PolicySet = PolicySet(),
    _ body: (Stage) async throws -> Result
  ) async throws -> Result {
    let (faults, running) = (MockFaults(), RunningGauge())
    let (serverManager, clientManager) = (ResilienceManager(), ResilienceManager())
    let node = ConsensusNode(genesis: .mock(chainID: Self.chainID, validators: 4))
    let server = Server(
      listening: .tcp(host: "127.0.0.1", port: 0),
      policies: try Policies(code: serverPolicies, manager: serverManager),
      interceptors: [running, faults]
    ) { node }
    let policies = try Policies(code: clientPolicies, manager: clientManager)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      let client = Client(to: try await server.listeningEndpoint)
      // What is measured is calls, not the dialling before the first one.
      _ = try await ConsensusServiceClient(client).getStatus(GetStatusRequest(), timeout: .seconds(5))
      let stage = Stage(
        faults: faults,
        running: running,
        serverManager: serverManager,
        clientManager: clientManager,
        node: node,
        client: ConsensusServiceClient(client.protected(by: policies))
      )
      let result = try await body(stage)
      await client.close()
      server.beginGracefulShutdown()
      try await group.waitForAll()
      return result
    }
  }

  private init(
    faults: MockFaults,
    running: RunningGauge,
    serverManager: ResilienceManager,
    clientManager: ResilienceManager,
    node: ConsensusNode,
    client: ConsensusServiceClient
  ) {
    self.faults = faults
    self.running = running
    self.serverManager = serverManager
    self.clientManager = clientManager
    let vote = SubmitVoteRequest.with {
      $0.vote = .signed(.prevote, by: MockKey(chainID: Self.chainID, index: 0), index: 0, height: 1, for: [])
    }
    self.submitVote = { () throws(RPCError) in _ = try await client.submitVote(vote) }
    let transactions = (0..<10).map { Array("transaction \($0)".utf8) }
    let proposal =
      node.proposal(transactions) { MockKey(publicKey: $0.publicKey) } ?? ProposeBlockRequest()
    self.proposeBlock = { () throws(RPCError) in _ = try await client.proposeBlock(proposal) }
    let verification = VerifyBlockRequest.with {
      $0.block = proposal.block
      $0.fullExecution = true
    }
    self.verifyBlock = { () throws(RPCError) in _ = try await client.verifyBlock(verification) }
  }

  /// How many calls of a method have come to the server's handlers, those that fail on purpose included.
  func arrived(_ method: MethodDescriptor) -> Int {
    Int(self.faults.counts.first { $0.method == method.method }?.calls ?? 0)
  }
}
