public import Bulwark
import BulwarkProtobuf

// The group block_verification: computation, which belongs off the connection's loop.
extension ConsensusNode {
  /// Checks a block against its parent, which must be decided at this node: the transactions' root and, with
  /// `full_execution`, the state that they lead to.
  ///
  /// - Throws: CANCELLED between two transactions once nobody waits for the answer; DEADLINE_EXCEEDED between
  ///   two once `budget_ms` (0 is none) is used up; FAILED_PRECONDITION if the parent's height is not here.
  public func verifyBlock(
    _ request: VerifyBlockRequest,
    context: CallContext
  ) async throws -> VerifyBlockResponse {
    let started = self.clock.monotonic.now
    let (block, header, parent) = try answering { try self.place(of: request) }
    var leaves: [[UInt8]] = []
    leaves.reserveCapacity(block.txs.count)
    var execution = Execution(parentStateRoot: parent.header.stateRoot)
    for transaction in block.txs {
      try Task.checkCancellation()
      try self.checkBudget(request.budgetMs, since: started, done: leaves.count, of: block.txs.count)
      let leaf = MerkleTree.leafHash(transaction)
      leaves.append(leaf)
      if request.fullExecution {
        execution.run(transactionBytes: transaction.count, leafHash: leaf)
      }
    }
    var problem: String?
    if header.parent?.hash != parent.id.hash {
      problem = "parent is not the block of height \(header.height - 1)"
    } else if header.txsRoot != MerkleTree.root(ofLeafHashes: leaves) {
      problem = "txs_root is not the root over the transactions"
    } else if request.fullExecution && header.stateRoot != execution.stateRoot {
      problem = "state_root is not the state after the transactions"
    }
    let elapsed = started.duration(to: self.clock.monotonic.now)
    return VerifyBlockResponse.with {
      $0.verdict = problem == nil ? .accept : .reject
      $0.reason = problem ?? ""
      $0.stateRoot = request.fullExecution ? execution.stateRoot : []
      $0.gasUsed = execution.gasUsed
      $0.verifySeconds = elapsed / .seconds(1)
    }
  }

  /// Checks a certificate against the validators of the request, or against this node's validators of that height
  /// if the request brings none.
  public func verifyCommit(
    _ request: VerifyCommitRequest,
    context: CallContext
  ) async throws -> VerifyCommitResponse {
    try answering {
      guard let commit = request.commit else { throw ChainRefusal.invalid("commit", "is missing") }
      let limit = self.chainLimits.maxValidators
      try requireAtMost(limit, request.validators.count, "validators", "validators")
      let validators =
        request.validators.isEmpty
        ? self.withState { $0.chain.registry.set(at: commit.height) } : ValidatorSet(request.validators)
      let check = try CommitCheck(commit, validators: validators, chainID: self.genesis.chainID)
      return VerifyCommitResponse.with {
        $0.verdict = check.isProof ? .accept : .reject
        $0.signedPower = check.signedPower
        $0.badSigners = check.badSigners
      }
    }
  }

  private func place(
    of request: VerifyBlockRequest
  ) throws(ChainRefusal) -> (block: Block, header: BlockHeader, parent: (id: BlockId, header: BlockHeader)) {
    guard let block = request.block else { throw .invalid("block", "is missing") }
    let header = try block.checkedHeader(chainID: self.genesis.chainID, limits: self.chainLimits)
    guard let parent = self.withState({ $0.chain.block(before: header.height) }) else {
      throw ChainRefusal(
        .failedPrecondition,
        "block.header.height \(header.height): its parent is not at this node"
      )
    }
    return (block, header, parent)
  }

  private func checkBudget(
    _ budget: UInt32,
    since started: MonotonicInstant,
    done: Int,
    of count: Int
  ) throws(RPCError) {
    guard budget > 0, started.duration(to: self.clock.monotonic.now) >= .milliseconds(budget) else { return }
    throw RPCError(
      code: .deadlineExceeded,
      message: "budget_ms \(budget) was used up after \(done) of \(count) transactions"
    )
  }
}
