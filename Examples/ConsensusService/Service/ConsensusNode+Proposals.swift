public import Bulwark
import BulwarkProtobuf

// The group block_proposals: few and large.
extension ConsensusNode {
  public func proposeBlock(
    _ request: ProposeBlockRequest,
    context: CallContext
  ) async throws -> ProposeBlockResponse {
    try answering { try self.propose(request) }
  }

  public func getProposal(_ request: GetProposalRequest, context: CallContext) async throws
    -> GetProposalResponse
  {
    try self.answer { try $0.proposal(request) }
  }

  /// Takes a serialized `ProposeBlockRequest` in parts of 64 KiB, and proposes it when the last has come.
  public func uploadBlockParts(
    _ requests: RequestStream<BlockPart>,
    context: CallContext
  ) async throws -> ProposeBlockResponse {
    var assembly = PartAssembly(maxBytes: self.limits.maxUploadBytes)
    for try await part in requests {
      try answering { try assembly.add(part) }
    }
    return try answering {
      let request = try ProposeBlockRequest(parts: assembly)
      return try self.propose(request)
    }
  }

  /// Checks and hashes a proposal before it takes the lock, and gives it to the chain.
  func propose(_ request: ProposeBlockRequest) throws -> ProposeBlockResponse {
    let proposal = try CheckedProposal(
      request,
      chainID: self.genesis.chainID,
      parentStateRoot: self.withState { $0.chain.head.header.stateRoot },
      limits: self.chainLimits
    )
    let now = self.clock.wallNanoseconds()
    return try self.withChain { try $0.propose(proposal, now: now) }
  }
}

extension ProposeBlockRequest {
  fileprivate init(parts: PartAssembly) throws(ChainRefusal) {
    let bytes = try parts.joined()
    do {
      self = try ProposeBlockRequest(serializedBytes: bytes)
    } catch {
      throw .invalid("data", "of the parts together is no ProposeBlockRequest: \(error)")
    }
    guard let header = self.block?.header, let place = parts.place,
      header.height == place.height, header.round == place.round
    else { throw .invalid("height and round", "of the parts are not those of the block in them") }
  }
}
