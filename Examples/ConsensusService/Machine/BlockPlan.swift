import BulwarkProtobuf

/// What a proposer has to know to build the next block.
public struct BlockPlan: Hashable, Sendable {
  /// The chain's name.
  public var chainID: String

  /// The height that the block is for.
  public var height: UInt64

  /// The round that it is proposed in.
  public var round: UInt32

  /// The identity of the last decided block, or that of the ``Genesis``.
  public var parent: BlockId

  /// The header of the last decided block, or that of the ``Genesis``.
  public var parentHeader: BlockHeader

  /// The validators of the height.
  public var validators: ValidatorSet

  /// The address of the validator whose turn it is.
  public var proposerAddress: [UInt8]

  /// Nanoseconds since 1970; raised where needed so that it lies after the parent's.
  public var timestamp: UInt64

  /// The precommits that decided the parent, if they are known.
  public var lastCommit: CommitCertificate?

  /// Double votes to be recorded.
  public var evidence: [Evidence] = []

  /// Creates a plan for a block on top of another.
  public init(
    on parentHeader: BlockHeader,
    parent: BlockId,
    round: UInt32 = 0,
    validators: ValidatorSet,
    proposerAddress: [UInt8],
    timestamp: UInt64
  ) {
    self.chainID = parentHeader.chainId
    self.height = parentHeader.height.addingSaturated(1)
    self.round = round
    self.parent = parent
    self.parentHeader = parentHeader
    self.validators = validators
    self.proposerAddress = proposerAddress
    self.timestamp = timestamp
  }

  /// The block with these transactions: roots computed, nothing signed.
  public func block(_ transactions: [[UInt8]]) -> Block {
    let leaves = transactions.map { MerkleTree.leafHash($0) }
    let stateRoot = Execution.stateRoot(
      after: transactions,
      leafHashes: leaves,
      from: self.parentHeader.stateRoot
    )
    return Block.with {
      $0.header = BlockHeader.with {
        $0.chainId = self.chainID
        $0.height = self.height
        $0.round = self.round
        $0.timestampNs = max(self.timestamp, self.parentHeader.timestampNs.addingSaturated(1))
        $0.parent = self.parent
        $0.txsRoot = MerkleTree.root(ofLeafHashes: leaves)
        $0.stateRoot = stateRoot
        $0.validatorsHash = self.validators.hash
        $0.proposerAddress = self.proposerAddress
      }
      $0.txs = transactions
      $0.lastCommit = self.lastCommit
      $0.evidence = self.evidence
    }
  }

  /// The proposal of that block, signed.
  public func proposal(_ transactions: [[UInt8]], signedBy key: MockKey) -> ProposeBlockRequest {
    let request = ProposeBlockRequest.with {
      $0.block = self.block(transactions)
      $0.polRound = -1
    }
    return request.signed(by: key)
  }
}

extension Chain {
  /// The plan for a block of the round that this node is in; its proposer is the validator whose turn it is.
  func plan(now: UInt64) -> BlockPlan {
    let (parent, header) = self.head
    let proposer = self.rotation.proposer(round: self.round, of: self.validators)
    var plan = BlockPlan(
      on: header,
      parent: parent,
      round: self.round,
      validators: self.validators,
      proposerAddress: self.validators[proposer]?.address ?? [],
      timestamp: now
    )
    plan.lastCommit = self.blocks.last?.commit
    plan.evidence = self.pendingEvidence
    return plan
  }
}
