/// A block that was decided.
struct StoredBlock: Hashable, Sendable {
  let block: Block
  let header: BlockHeader
  let id: BlockId

  /// The precommits that decided it.
  let commit: CommitCertificate

  /// The size of the block on the wire.
  let encodedBytes: Int
}

/// The last decided blocks, oldest first.
struct BlockStore: Hashable, Sendable {
  private var blocks: [StoredBlock] = []
  private let capacity: Int

  init(capacity: Int) {
    self.capacity = max(1, capacity)
  }

  /// The youngest block, or nil before the first.
  var last: StoredBlock? { self.blocks.last }

  /// The lowest height that is still here, or nil before the first block.
  var oldestHeight: UInt64? { self.blocks.first?.header.height }

  /// The block of a height, if it is here.
  subscript(height: UInt64) -> StoredBlock? {
    guard let oldest = self.oldestHeight, height >= oldest, height - oldest < UInt64(self.blocks.count) else {
      return nil
    }
    return self.blocks[Int(height - oldest)]
  }

  mutating func append(_ block: StoredBlock) {
    if self.blocks.count == self.capacity {
      self.blocks.removeFirst()
    }
    self.blocks.append(block)
  }
}
