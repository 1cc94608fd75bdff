import Bulwark
import BulwarkProtobuf
import ConsensusService

/// What can be learned of a node's chain through its API.
struct NodeView {
  /// What is believed of a node at most: beyond, it wastes this program's time.
  private static let maxValidators = 10_000
  private static let maxRound: UInt32 = 10_000

  let service: ConsensusServiceClient
  let chainID: String
  let timeout: Duration

  func status() async throws -> GetStatusResponse {
    try await self.service.getStatus(GetStatusRequest(), timeout: self.timeout)
  }

  /// Every validator of the height being decided, page by page.
  func validators() async throws -> ValidatorSet {
    var request = GetValidatorSetRequest()
    var validators: [Validator] = []
    repeat {
      let page = try await self.service.getValidatorSet(request, timeout: self.timeout)
      validators += page.validators
      request.pageToken = page.nextPageToken
      guard validators.count <= Self.maxValidators else {
        throw RPCError(
          code: .resourceExhausted,
          message: "the node has more than \(Self.maxValidators) validators"
        )
      }
    } while !request.pageToken.isEmpty
    return ValidatorSet(validators)
  }

  /// A decided block.
  func block(at height: UInt64) async throws -> Block? {
    let request = SyncBlocksRequest.with {
      $0.fromHeight = height
      $0.toHeight = height
    }
    for try await answer in self.service.syncBlocks(request, timeout: self.timeout) {
      return answer.blocks.first
    }
    return nil
  }

  /// The proposal of a round, or nil if the node has none.
  func proposal(height: UInt64, round: UInt32) async throws(RPCError) -> ProposeBlockRequest? {
    let request = GetProposalRequest.with {
      $0.height = height
      $0.round = round
    }
    do {
      return try await self.service.getProposal(request, timeout: self.timeout).proposal
    } catch  where error.code == .notFound {
      return nil
    }
  }

  /// The next proposal, signed with the mock key of the validator whose turn it is.
  func nextProposal(transactions: [[UInt8]]) async throws -> ProposeBlockRequest {
    let status = try await self.status()
    let validators = try await self.validators()
    let parent = status.height == 0 ? nil : try await self.block(at: status.height)
    let genesis = Genesis(chainID: self.chainID, validators: validators.validators)
    guard status.round <= Self.maxRound, let proposer = validators[validators.proposer(round: status.round)]
    else {
      throw RPCError(code: .failedPrecondition, message: "the node has no validators, or stands still")
    }
    let plan = BlockPlan(
      on: parent?.header ?? genesis.header,
      parent: parent?.id ?? genesis.id,
      round: status.round,
      validators: validators,
      proposerAddress: proposer.address,
      timestamp: NodeClock.system.wallNanoseconds()
    )
    return plan.proposal(transactions, signedBy: MockKey(publicKey: proposer.publicKey))
  }
}
