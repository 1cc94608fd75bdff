import BulwarkProtobuf

/// The consensus of one node as a value: what it knows, and the rules by which an input changes it.
///
/// No lock, no clock, no task: time comes in as an argument, and whoever shares the chain guards it. An input
/// either changes the chain and leaves events to be told, or throws; what a refused input can still leave behind
/// is a report of misbehaviour, and the knowledge that others are ahead.
///
/// The chain decides one height at a time. A height is a run of rounds; each has one proposer, one proposal,
/// and a tally of prevotes and of precommits:
///
///     height h, round r ── more than 2/3 precommit one block that is here ──> height h + 1, round 0
///        │      ^
///        │      └── round r + 1: more than 2/3 precommitted, and no block has more than 2/3
///        └───────── round r' > r: more than 2/3 prevoted, or precommitted, in round r'
struct Chain: Sendable {
  let genesis: Genesis
  let limits: ChainLimits

  /// The height that is being decided: one above the last block.
  var height: UInt64 = 1

  /// The round of that height which this node is in.
  var round: UInt32 = 0

  /// The proposals and votes of the height being decided and of the last decided ones.
  var books: [UInt64: HeightBook]

  /// The decided blocks.
  var blocks: BlockStore

  var registry: ValidatorRegistry

  /// Stands at the height being decided.
  var rotation = ProposerRotation()

  /// Stands at the first height of the epoch of the height being decided.
  var epochRotation = ProposerRotation()

  /// Misbehaviour that no block has recorded yet.
  var pendingEvidence: [Evidence] = []

  /// The highest height that a validator has cast a valid vote for.
  var highestSeen: UInt64 = 0

  private var events: [ConsensusEvent] = []

  init(genesis: Genesis, limits: ChainLimits = ChainLimits()) {
    self.genesis = genesis
    self.limits = limits
    self.registry = ValidatorRegistry(genesis: genesis)
    self.blocks = BlockStore(capacity: limits.keptBlocks)
    let set = self.registry.set(at: 1)
    self.books = [1: HeightBook(validators: set)]
    self.rotation.extend(to: set)
    self.epochRotation = self.rotation
  }

  /// The validators of the height being decided.
  var validators: ValidatorSet { self.books[self.height]?.validators ?? self.registry.set(at: self.height) }

  /// The last decided block's identity and header; before the first, those of the genesis.
  var head: (id: BlockId, header: BlockHeader) {
    self.blocks.last.map { ($0.id, $0.header) } ?? (self.genesis.id, self.genesis.header)
  }

  /// The block that one of this height has to name as its parent, or nil if it is not here.
  func block(before height: UInt64) -> (id: BlockId, header: BlockHeader)? {
    guard height > 1 else { return height == 1 ? (self.genesis.id, self.genesis.header) : nil }
    return self.blocks[height - 1].map { ($0.id, $0.header) }
  }

  /// What has happened since the last time this was asked, in order.
  mutating func takeEvents() -> [ConsensusEvent] {
    defer { self.events.removeAll() }
    return self.events
  }

  mutating func emit(_ event: ConsensusEvent.Event, height: UInt64) {
    self.events.append(
      .with {
        $0.height = height
        $0.event = event
      }
    )
  }

  /// Tells of misbehaviour, and keeps what the next block can prove.
  mutating func report(_ evidence: Evidence, height: UInt64) {
    self.emit(.evidence(evidence), height: height)
    if case .duplicateVote = evidence.kind, self.pendingEvidence.count < self.limits.maxEvidence {
      self.pendingEvidence.append(evidence)
    }
  }

  /// Fails unless votes and proposals of this round of the height being decided are taken.
  func requireOpen(round: UInt32, _ field: String) throws(ChainRefusal) {
    let latest = UInt64(self.round) + UInt64(self.limits.maxRoundsAhead)
    guard UInt64(round) <= latest else {
      throw ChainRefusal(
        .failedPrecondition,
        "\(field) \(round) is ahead: rounds up to \(latest) are taken now"
      )
    }
    guard UInt64(round) + UInt64(self.limits.keptRounds) >= UInt64(self.round) else {
      throw ChainRefusal(
        .failedPrecondition,
        "\(field) \(round) is over: this node is in round \(self.round)"
      )
    }
  }

  // MARK: - Progress

  /// Goes on to the next height as long as the one being decided has a decision.
  mutating func advanceIfDecided() {
    guard let book = self.books[self.height], let (round, proposal) = book.decision(),
      let precommits = book.rounds[round]?.precommits
    else { return }
    let commit = CommitCertificate(
      height: self.height,
      round: round,
      blockID: proposal.id,
      precommits: precommits,
      validatorCount: book.validators.validators.count
    )
    self.blocks.append(
      StoredBlock(
        block: proposal.block,
        header: proposal.header,
        id: proposal.id,
        commit: commit,
        encodedBytes: proposal.encodedBytes
      )
    )
    self.pendingEvidence.removeAll { proposal.block.evidence.contains($0) }
    self.emit(.newBlock(proposal.id), height: self.height)
    self.beginNextHeight(after: book.validators)
  }

  private mutating func beginNextHeight(after set: ValidatorSet) {
    self.rotation.step(set)
    self.height += 1
    self.round = 0
    let next = self.registry.set(at: self.height)
    self.rotation.extend(to: next)
    if (self.height - 1) % self.limits.epochLength == 0 {
      self.epochRotation = self.rotation
    }
    self.books[self.height] = HeightBook(validators: next)
    self.books = self.books.filter { $0.key + self.limits.keptVoteHeights >= self.height }
  }
}
