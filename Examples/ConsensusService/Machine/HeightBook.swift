/// A proposal that was checked and taken.
struct Proposal: Hashable, Sendable {
  let request: ProposeBlockRequest
  let block: Block
  let header: BlockHeader
  let id: BlockId

  /// The size of the block on the wire.
  let encodedBytes: Int
}

/// The proposals and votes of one height.
struct HeightBook: Hashable, Sendable {
  struct Round: Hashable, Sendable {
    var proposal: Proposal?
    var prevotes = VoteTally()
    var precommits = VoteTally()

    /// The power of the validators that have voted in the round, with either type.
    func power(in set: ValidatorSet) -> UInt64 {
      Set(self.prevotes.votes.keys).union(self.precommits.votes.keys)
        .reduce(0) { $0.addingSaturated(set[$1]?.votingPower ?? 0) }
    }
  }

  let validators: ValidatorSet
  private(set) var rounds: [UInt32: Round] = [:]

  init(validators: ValidatorSet) {
    self.validators = validators
  }

  /// The tally that a vote belongs to.
  func tally(of type: VoteType, round: UInt32) -> VoteTally? {
    type == .prevote ? self.rounds[round]?.prevotes : self.rounds[round]?.precommits
  }

  mutating func add(_ vote: Vote, power: UInt64) -> VoteTally.OnVote {
    vote.type == .prevote
      ? self.rounds[vote.round, default: Round()].prevotes.add(vote, power: power)
      : self.rounds[vote.round, default: Round()].precommits.add(vote, power: power)
  }

  mutating func add(_ proposal: Proposal) {
    self.rounds[proposal.header.round, default: Round()].proposal = proposal
  }

  /// The round whose precommits have decided for a proposal that is here, and that proposal.
  func decision() -> (round: UInt32, proposal: Proposal)? {
    for (number, round) in self.rounds {
      guard let hash = round.precommits.decision(in: self.validators),
        let proposal = self.rounds.values.lazy.compactMap(\.proposal).first(where: { $0.id.hash == hash })
      else { continue }
      return (number, proposal)
    }
    return nil
  }

  /// Drops what lies more than `kept` rounds back.
  mutating func prune(currentRound: UInt32, kept: UInt32) {
    self.rounds = self.rounds.filter { UInt64($0.key) + UInt64(kept) >= UInt64(currentRound) }
  }
}
