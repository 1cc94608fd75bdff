/// The memory that a message takes while it is packed: handed out from blocks, freed whole.
@frozen
@usableFromInline
struct EncodingArena {
  @usableFromInline
  var next: UnsafeMutableRawPointer?
  @usableFromInline
  var remaining: Int

  /// The blocks after the first one, which is not the arena's.
  @usableFromInline
  var blocks: [UnsafeMutableRawPointer] = []

  /// The bytes of the strings and bytes that were written so far.
  @usableFromInline
  var payload = 0

  /// The most bytes that everything else that was written so far takes when it is packed.
  @usableFromInline
  var overhead = 0

  /// How many messages enclose the one that is being written.
  @usableFromInline
  var depth = 0

  /// The first thing that kept the message from being written.
  @usableFromInline
  var failure: ProtobufEncodingError.Reason?

  /// Hands out memory from the block, and from blocks of its own when that is used up.
  init(_ firstBlock: UnsafeMutableRawBufferPointer) {
    self.next = firstBlock.baseAddress
    self.remaining = firstBlock.count
  }

  /// Memory for values whose alignment is 8 or less; not initialized.
  @inlinable
  mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = (byteCount &+ 7) & ~7
    guard let start = self.next, size <= self.remaining else { return self.allocateFromNewBlock(size) }
    self.next = start + size
    self.remaining &-= size
    return start
  }

  @usableFromInline
  @inline(never)
  mutating func allocateFromNewBlock(_ size: Int) -> UnsafeMutableRawPointer {
    // Blocks double up to 1 MiB, so that a large message takes few of them.
    let blockSize = max(size, 4096 << min(self.blocks.count, 8))
    let block = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
    self.blocks.append(block)
    self.next = block + size
    self.remaining = blockSize &- size
    return block
  }

  /// Frees the blocks that were added.
  func deallocateBlocks() {
    for block in self.blocks { block.deallocate() }
  }
}
