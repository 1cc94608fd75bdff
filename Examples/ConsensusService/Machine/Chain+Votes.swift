import BulwarkProtobuf

extension Chain {
  /// Takes a vote. The same vote again is answered with `duplicate`, so that a retry is safe.
  ///
  /// A vote is identified by height, round, type and validator, and says a block: timestamp and extension of a
  /// repeated vote do not count. Votes for the last decided heights are still taken, so that whoever votes
  /// twice is caught even when it is late.
  ///
  /// - Throws: INVALID_ARGUMENT for a field that is wrong in itself, FAILED_PRECONDITION for heights and rounds
  ///   that are not open, and FAILED_PRECONDITION with evidence for a vote that conflicts with an earlier one.
  mutating func submit(_ vote: Vote) throws(ChainRefusal) -> SubmitVoteResponse {
    try self.checkShape(of: vote)
    guard let set = self.books[min(vote.height, self.height)]?.validators else {
      throw ChainRefusal(
        .failedPrecondition,
        "vote.height \(vote.height) is over: this node decides height \(self.height)"
      )
    }
    guard let validator = set[vote.validatorIndex] else {
      throw .invalid(
        "vote.validator_index",
        "must be below \(set.validators.count), got \(vote.validatorIndex)"
      )
    }
    let key = MockKey(publicKey: validator.publicKey)
    guard key.verifies(vote.signature, over: vote.signBytes(chainID: self.genesis.chainID)) else {
      throw .invalid("vote.signature", "does not verify for validator \(vote.validatorIndex)")
    }
    try self.checkPlace(of: vote)
    // Fields that the schema does not know are not signed and have no bound: they are not kept.
    var vote = vote
    vote.unknownFields = UnknownFields()
    return try self.count(vote, power: validator.votingPower)
  }

  private func checkShape(of vote: Vote) throws(ChainRefusal) {
    guard vote.type == .prevote || vote.type == .precommit else {
      throw .invalid("vote.type", "must be PREVOTE or PRECOMMIT")
    }
    guard vote.height >= 1 else { throw .invalid("vote.height", "must be at least 1, got 0") }
    guard vote.blockHash.isEmpty || vote.blockHash.count == 32 else {
      throw .invalid("vote.block_hash", "must be 32 bytes, or empty for nil, got \(vote.blockHash.count)")
    }
    try requireLength(64, of: vote.signature, "vote.signature")
    try requireAtMost(self.limits.maxExtensionBytes, vote.extension.count, "bytes", "vote.extension")
    guard vote.extension.isEmpty || (vote.type == .precommit && !vote.blockHash.isEmpty) else {
      throw .invalid("vote.extension", "must be empty but for a precommit of a block")
    }
  }

  private mutating func checkPlace(of vote: Vote) throws(ChainRefusal) {
    self.highestSeen = max(self.highestSeen, vote.height)
    guard vote.height <= self.height else {
      throw ChainRefusal(
        .failedPrecondition,
        "vote.height \(vote.height) is ahead: this node decides height \(self.height)"
      )
    }
    if vote.height == self.height {
      try self.requireOpen(round: vote.round, "vote.round")
    } else if self.books[vote.height]?.rounds[vote.round] == nil {
      throw ChainRefusal(
        .failedPrecondition,
        "vote.round \(vote.round) is not known of height \(vote.height), which is decided"
      )
    }
  }

  private mutating func count(_ vote: Vote, power: UInt64) throws(ChainRefusal) -> SubmitVoteResponse {
    switch self.books[vote.height]?.add(vote, power: power) {
    case .conflict(let first, let isFirst):
      let evidence = Evidence.duplicateVote(first, vote)
      if isFirst {
        self.report(evidence, height: vote.height)
      }
      throw ChainRefusal(
        .failedPrecondition,
        "vote conflicts with an earlier one of validator \(vote.validatorIndex) at height \(vote.height), "
          + "round \(vote.round)",
        evidence: evidence
      )
    case .duplicate:
      return self.receipt(for: vote, isDuplicate: true)
    case .counted, nil:
      // Taken before the chain moves on, which drops the oldest book.
      let receipt = self.receipt(for: vote, isDuplicate: false)
      self.emit(.vote(vote), height: vote.height)
      if vote.height == self.height {
        self.advanceIfDecided()
      }
      if vote.height == self.height {
        self.advanceRound(after: vote)
      }
      return receipt
    }
  }

  private func receipt(for vote: Vote, isDuplicate: Bool) -> SubmitVoteResponse {
    let tally = self.books[vote.height]?.tally(of: vote.type, round: vote.round)
    return SubmitVoteResponse.with {
      $0.accepted = true
      $0.duplicate = isDuplicate
      $0.powerSeen = tally?.power(for: vote.blockHash) ?? 0
    }
  }

  /// Follows the committee into a later round, or leaves a round that ended without a decision.
  private mutating func advanceRound(after vote: Vote) {
    guard vote.round >= self.round, let book = self.books[self.height],
      let power = book.tally(of: vote.type, round: vote.round)?.power, book.validators.isQuorum(power)
    else { return }
    if vote.round > self.round {
      self.round = vote.round
    } else if vote.type == .precommit {
      let ended = ConsensusEvent.RoundTimeout.with {
        $0.round = self.round
        $0.step = "precommit"
      }
      self.emit(.timeout(ended), height: self.height)
      self.round += 1
    }
    self.books[self.height]?.prune(currentRound: self.round, kept: self.limits.keptRounds)
  }
}
