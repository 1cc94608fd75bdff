import Bulwark
import BulwarkProtobuf

// What a committee of mock validators does with its nodes.
extension ConsensusNode {
  /// The proposal that is due in this node's round, signed with the key that `key` finds for the validator whose
  /// turn it is; nil if there is no such key.
  public func proposal(
    _ transactions: [[UInt8]],
    signedBy key: (_ proposer: Validator) -> MockKey?
  ) -> ProposeBlockRequest? {
    let now = self.clock.wallNanoseconds()
    let plan = self.withState { $0.chain.plan(now: now) }
    guard let proposer = plan.validators.validators.first(where: { $0.address == plan.proposerAddress }),
      let key = key(proposer)
    else { return nil }
    return plan.proposal(transactions, signedBy: key)
  }

  /// Goes for a decision with the votes of all validators, whose keys must be mock keys: for nodes without peers.
  ///
  /// A proposal that is there already is the one that is voted for, and nobody votes who has voted already.
  ///
  /// - Throws: ``RPCError`` if the proposal or a vote is refused.
  public func decideAlone(_ transactions: [[UInt8]]) throws {
    let (known, validators) = self.withState { ($0.chain.currentProposal, $0.chain.validators.validators) }
    let proposal = known ?? self.proposal(transactions) { MockKey(publicKey: $0.publicKey) }
    guard let proposal, let header = proposal.block?.header else { return }
    try answering {
      let id = try self.propose(proposal).blockId
      for type in [VoteType.prevote, .precommit] {
        for (index, validator) in validators.enumerated() {
          let vote = Vote.with {
            $0.type = type
            $0.height = header.height
            $0.round = header.round
            $0.blockHash = id?.hash ?? []
            $0.validatorIndex = UInt32(clamping: index)
            $0.timestampNs = self.clock.wallNanoseconds()
          }
          let signed = vote.signed(by: MockKey(publicKey: validator.publicKey), chainID: self.genesis.chainID)
          try self.withChain { chain in
            guard !chain.hasVoted(like: signed) else { return }
            _ = try chain.submit(signed)
          }
        }
      }
    }
  }
}
