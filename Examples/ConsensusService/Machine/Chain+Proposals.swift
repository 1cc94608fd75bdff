import BulwarkProtobuf

extension Chain {
  /// Takes a proposal for the height being decided. The same block again gets the same answer.
  ///
  /// A proposal that its proposer signed, at the right place, but with content that cannot be right is answered
  /// with REJECT and the reason, and reported to the subscribers.
  ///
  /// - Parameter now: the node's wall clock, in nanoseconds since 1970.
  /// - Throws: FAILED_PRECONDITION for another height, parent, round or proposer, and with evidence for a second
  ///   block of the same proposer in the same round; INVALID_ARGUMENT for a wrong signature.
  mutating func propose(_ proposal: CheckedProposal, now: UInt64) throws(ChainRefusal) -> ProposeBlockResponse
  {
    let header = proposal.header
    if let decided = self.blocks[header.height], decided.id.hash == proposal.id.hash {
      return .accepting(proposal.id)
    }
    try self.checkPlace(of: proposal)
    if let known = self.books[self.height]?.rounds[header.round]?.proposal {
      guard known.id.hash != proposal.id.hash else { return .accepting(proposal.id) }
      let evidence = Evidence.invalidProposal(
        proposal.id,
        reason: "a second block for height \(header.height), round \(header.round)"
      )
      self.report(evidence, height: header.height)
      throw ChainRefusal(
        .failedPrecondition,
        "block conflicts with the proposer's earlier one for height \(header.height), round \(header.round)",
        evidence: evidence
      )
    }
    if let problem = self.problem(with: proposal, now: now) {
      self.report(.invalidProposal(proposal.id, reason: problem), height: header.height)
      return ProposeBlockResponse.with {
        $0.blockId = proposal.id
        $0.verdict = .reject
        $0.reason = problem
      }
    }
    self.books[self.height]?.add(
      Proposal(
        request: proposal.request,
        block: proposal.block,
        header: header,
        id: proposal.id,
        encodedBytes: proposal.encodedBytes
      )
    )
    self.advanceIfDecided()
    return .accepting(proposal.id)
  }

  private func checkPlace(of proposal: CheckedProposal) throws(ChainRefusal) {
    let header = proposal.header
    guard header.height == self.height, proposal.parentStateRoot == self.head.header.stateRoot else {
      throw ChainRefusal(
        .failedPrecondition,
        "block.header.height \(header.height) is not the height being decided, \(self.height)"
      )
    }
    try self.requireOpen(round: header.round, "block.header.round")
    guard header.parent?.hash == self.head.id.hash else {
      throw ChainRefusal(
        .failedPrecondition,
        "block.header.parent is not the block of height \(self.height - 1)"
      )
    }
    let index = self.rotation.proposer(round: header.round, of: self.validators)
    guard let proposer = self.validators[index], proposer.address == header.proposerAddress else {
      throw ChainRefusal(
        .failedPrecondition,
        "block.header.proposer_address is not that of validator \(index), "
          + "whose turn height \(header.height), round \(header.round) is"
      )
    }
    let signed = proposal.request.signBytes(blockHash: proposal.id.hash)
    guard MockKey(publicKey: proposer.publicKey).verifies(proposal.request.signature, over: signed) else {
      throw .invalid("signature", "does not verify for validator \(index), the proposer")
    }
  }

  /// Why the content of a proposal cannot be right, or nil.
  private func problem(with proposal: CheckedProposal, now: UInt64) -> String? {
    let header = proposal.header
    guard header.txsRoot == proposal.txsRoot else { return "txs_root is not the root over the transactions" }
    guard header.stateRoot == proposal.stateRoot else {
      return "state_root is not the state after the transactions"
    }
    guard header.validatorsHash == self.validators.hash else {
      return "validators_hash is not that of height \(header.height)"
    }
    guard header.timestampNs > self.head.header.timestampNs else {
      return "timestamp_ns is not after that of the parent"
    }
    guard header.timestampNs <= now.addingSaturated(self.limits.maxClockDrift) else {
      return "timestamp_ns lies too far in the future"
    }
    return self.problem(withLastCommit: proposal.block.lastCommit)
      ?? proposal.block.evidence.lazy.compactMap { self.problem(with: $0) }.first
  }

  /// The certificate may be absent, since a proposer learns of it from votes that it may have missed.
  private func problem(withLastCommit commit: CommitCertificate?) -> String? {
    guard let commit else { return nil }
    guard let parent = self.blocks.last else { return "last_commit is there, but the parent is the genesis" }
    guard commit.height == parent.header.height, commit.blockId?.hash == parent.id.hash else {
      return "last_commit is not for the parent"
    }
    let check = Result { () throws(ChainRefusal) in
      try CommitCheck(
        commit,
        validators: self.registry.set(at: commit.height),
        chainID: self.genesis.chainID
      )
    }
    guard case .success(let result) = check, result.isProof else {
      return "last_commit does not prove the parent"
    }
    return nil
  }

  private func problem(with evidence: Evidence) -> String? {
    guard case .duplicateVote(let pair) = evidence.kind, let height = pair.first?.height,
      height <= self.height
    else {
      return "evidence is not of a past vote"
    }
    return evidence.problem(validators: self.registry.set(at: height), chainID: self.genesis.chainID)
      .map { "evidence \($0)" }
  }
}

extension ProposeBlockResponse {
  fileprivate static func accepting(_ id: BlockId) -> ProposeBlockResponse {
    ProposeBlockResponse.with {
      $0.blockId = id
      $0.verdict = .accept
    }
  }
}
