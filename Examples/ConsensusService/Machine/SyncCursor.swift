import BulwarkProtobuf

/// How far a `SyncBlocks` call has read. It holds no block: what has not been sent is still in the chain, so a
/// reader that is slow costs nothing, and is cut off when the chain has dropped what it would read next.
struct SyncCursor: Hashable, Sendable {
  /// The largest message, if the request names none. Default 1 MiB.
  static let defaultMessageBytes = 1_048_576

  /// The largest message, whatever the request names: below the 4 MiB that gRPC clients take by default.
  static let maxMessageBytes = 4_000_000

  private var next: UInt64
  private let last: UInt64?
  private let messageBytes: Int

  /// Checks the range against the blocks that are here.
  ///
  /// - Throws: INVALID_ARGUMENT for a range that is none, OUT_OF_RANGE for heights that are not here.
  init(_ request: SyncBlocksRequest, in chain: Chain) throws(ChainRefusal) {
    let decided = chain.height - 1
    guard request.fromHeight >= 1 else { throw .invalid("from_height", "must be at least 1, got 0") }
    guard request.toHeight == 0 || request.toHeight >= request.fromHeight else {
      throw .invalid(
        "to_height",
        "must be 0 (follow the head) or at least from_height, \(request.fromHeight), got \(request.toHeight)"
      )
    }
    guard request.toHeight <= decided, request.fromHeight <= chain.height else {
      throw ChainRefusal(
        .outOfRange,
        "heights \(request.fromHeight) to \(request.toHeight) are past the last decided one, \(decided)"
      )
    }
    let oldest = chain.blocks.oldestHeight ?? chain.height
    guard request.fromHeight >= oldest else {
      throw ChainRefusal(
        .outOfRange,
        "from_height \(request.fromHeight) is before the oldest block that is kept, \(oldest)"
      )
    }
    self.next = request.fromHeight
    self.last = request.toHeight == 0 ? nil : request.toHeight
    self.messageBytes =
      request.maxMessageBytes == 0
      ? Self.defaultMessageBytes : min(Int(request.maxMessageBytes), Self.maxMessageBytes)
  }

  /// Whether the last block that was asked for has been read.
  var isAtEnd: Bool { self.last.map { self.next > $0 } ?? false }

  /// The next message: as many blocks as fit, and one at least, however large it is.
  ///
  /// - Returns: nil when there is nothing to send now.
  /// - Throws: RESOURCE_EXHAUSTED when the reader was too slow, and the next block is gone.
  mutating func read(from chain: Chain) throws(ChainRefusal) -> SyncBlocksResponse? {
    guard !self.isAtEnd, self.next < chain.height else { return nil }
    // The height that follows, and the tag and the length of each block, are no more than this.
    let responseOverhead = 11
    let blockOverhead = 6
    var blocks: [Block] = []
    var bytes = responseOverhead
    while !self.isAtEnd, self.next < chain.height {
      guard let stored = chain.blocks[self.next] else {
        throw ChainRefusal(
          .resourceExhausted,
          "block \(self.next) was dropped before it was read: the reader is too slow"
        )
      }
      bytes += stored.encodedBytes + blockOverhead
      guard blocks.isEmpty || bytes <= self.messageBytes else { break }
      blocks.append(stored.block)
      self.next += 1
    }
    return SyncBlocksResponse.with {
      $0.blocks = blocks
      $0.nextHeight = self.next
    }
  }
}
