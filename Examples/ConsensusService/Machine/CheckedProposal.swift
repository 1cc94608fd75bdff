import BulwarkProtobuf

/// A proposal whose shape is right and whose hashes have been taken.
///
/// Hashing a megabyte takes milliseconds: it is done before the chain is asked, so that no other call waits for it.
struct CheckedProposal: Hashable, Sendable {
  let request: ProposeBlockRequest
  let block: Block
  let header: BlockHeader
  let id: BlockId

  /// The Merkle root over the transactions as they are.
  let txsRoot: [UInt8]

  /// The state that the transactions were run from.
  let parentStateRoot: [UInt8]

  /// The state that the transactions lead to from there.
  let stateRoot: [UInt8]

  /// The size of the block on the wire.
  let encodedBytes: Int

  /// Checks shape and sizes, hashes, and runs the transactions.
  ///
  /// - Throws: INVALID_ARGUMENT with the field that is wrong.
  init(
    _ request: ProposeBlockRequest,
    chainID: String,
    parentStateRoot: [UInt8],
    limits: ChainLimits
  ) throws(ChainRefusal) {
    guard let block = request.block else { throw .invalid("block", "is missing") }
    self.header = try block.checkedHeader(chainID: chainID, limits: limits)
    try requireLength(64, of: request.signature, "signature")
    guard request.polRound >= -1, Int64(request.polRound) < Int64(self.header.round) else {
      throw .invalid(
        "pol_round",
        "must be -1 (none) or below round \(self.header.round), got \(request.polRound)"
      )
    }
    // What the schema does not know of the proposal has no bound, and is not kept.
    var request = request
    request.unknownFields = UnknownFields()
    self.request = request
    self.block = block
    self.id = block.id
    let leaves = block.txs.map { MerkleTree.leafHash($0) }
    self.txsRoot = MerkleTree.root(ofLeafHashes: leaves)
    self.parentStateRoot = parentStateRoot
    self.stateRoot = Execution.stateRoot(after: block.txs, leafHashes: leaves, from: parentStateRoot)
    do {
      self.encodedBytes = try block.serializedBytes().count
    } catch {
      throw .invalid("block", "cannot be encoded: \(error)")
    }
    guard self.encodedBytes <= limits.maxEncodedBytes else {
      throw .invalid("block", "must be at most \(limits.maxEncodedBytes) bytes, got \(self.encodedBytes)")
    }
  }
}

extension Block {
  /// The header, once every length and count of the block has been found within its limit.
  func checkedHeader(chainID: String, limits: ChainLimits) throws(ChainRefusal) -> BlockHeader {
    guard let header = self.header else { throw .invalid("block.header", "is missing") }
    guard header.chainId == chainID else {
      // The name is echoed in the status, which has a bound: characters can be of any length, bytes cannot.
      let name = String(decoding: header.chainId.utf8.prefix(64), as: UTF8.self)
      throw .invalid("block.header.chain_id", "must be \"\(chainID)\", got \"\(name)\"")
    }
    guard header.height >= 1 else { throw .invalid("block.header.height", "must be at least 1, got 0") }
    guard let parent = header.parent else { throw .invalid("block.header.parent", "is missing") }
    try requireLength(32, of: parent.hash, "block.header.parent.hash")
    try requireLength(32, of: header.txsRoot, "block.header.txs_root")
    try requireLength(32, of: header.stateRoot, "block.header.state_root")
    try requireLength(32, of: header.validatorsHash, "block.header.validators_hash")
    try requireLength(20, of: header.proposerAddress, "block.header.proposer_address")
    try requireAtMost(limits.maxTransactions, self.txs.count, "transactions", "block.txs")
    try requireAtMost(limits.maxBlockBytes, self.transactionBytes, "bytes", "block.txs")
    try requireAtMost(limits.maxEvidence, self.evidence.count, "pieces", "block.evidence")
    return header
  }
}
