/// The memory that a message takes while it is packed: handed out from blocks, freed whole.
@frozen
@usableFromInline
struct EncodingArena {
  @usableFromInline
  var next: UnsafeMutableRawPointer
  @usableFromInline
  var remaining: Int

  /// The blocks after the first one, which is not the arena's.
  @usableFromInline
  var blocks: [UnsafeMutableRawPointer] = []

  /// How many messages enclose the one that is being written.
  @usableFromInline
  var depth = 0

  /// The first thing that kept the message from being written.
  @usableFromInline
  var failure: ProtobufEncodingError.Reason?

  /// Hands out memory from the block, and from blocks of its own when that is used up.
  init(_ firstBlock: UnsafeMutableRawBufferPointer, baseAddress: UnsafeMutableRawPointer) {
    self.next = baseAddress
    self.remaining = firstBlock.count
  }

  /// Memory for values whose alignment is 8 or less; not initialized.
  @inlinable
  mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = (byteCount &+ 7) & ~7
    if size > self.remaining { self.addBlock(atLeast: size) }
    let start = self.next
    self.next = start + size
    self.remaining &-= size
    return start
  }

  @usableFromInline
  mutating func addBlock(atLeast byteCount: Int) {
    let size = max(byteCount, 4096 << min(self.blocks.count, 8))
    self.next = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    self.remaining = size
    self.blocks.append(self.next)
  }

  /// Frees the blocks that were added.
  func deallocateBlocks() {
    for block in self.blocks { block.deallocate() }
  }
}
