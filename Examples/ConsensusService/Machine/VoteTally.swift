/// The votes of one type in one round of one height: at most one of each validator.
struct VoteTally: Hashable, Sendable {
  /// What became of a vote.
  enum OnVote: Hashable, Sendable {
    /// It was counted.
    case counted
    /// The validator voted for the same block before; the first vote stays.
    case duplicate
    /// The validator voted for another block before; that vote stays. `isFirst` the first time that it is caught.
    case conflict(with: Vote, isFirst: Bool)
  }

  private(set) var votes: [UInt32: Vote] = [:]
  private var caught: Set<UInt32> = []
  private var powerByBlock: [[UInt8]: UInt64] = [:]

  /// The power of all who voted, for whatever block or for none.
  private(set) var power: UInt64 = 0

  /// The power that voted for a block; the empty hash stands for nil.
  func power(for blockHash: [UInt8]) -> UInt64 {
    self.powerByBlock[blockHash, default: 0]
  }

  /// The block for which more than two thirds of the power voted, or nil; nil votes decide nothing.
  func decision(in set: ValidatorSet) -> [UInt8]? {
    self.powerByBlock.first { !$0.key.isEmpty && set.isQuorum($0.value) }?.key
  }

  mutating func add(_ vote: Vote, power: UInt64) -> OnVote {
    if let known = self.votes[vote.validatorIndex] {
      guard known.blockHash != vote.blockHash else { return .duplicate }
      return .conflict(with: known, isFirst: self.caught.insert(vote.validatorIndex).inserted)
    }
    self.votes[vote.validatorIndex] = vote
    self.powerByBlock[vote.blockHash] = self.power(for: vote.blockHash).addingSaturated(power)
    self.power = self.power.addingSaturated(power)
    return .counted
  }
}
