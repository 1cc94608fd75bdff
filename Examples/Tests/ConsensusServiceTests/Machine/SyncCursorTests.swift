import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct SyncCursorTests {
  private func chain(blocks: Int, limits: ChainLimits = ChainLimits()) throws -> Committee {
    var committee = Committee(limits: limits)
    for height in 0..<blocks {
      try committee.decide([[UInt8](repeating: UInt8(height), count: 1_000)])
    }
    return committee
  }

  private func request(_ from: UInt64, _ to: UInt64, bytes: UInt32 = 0) -> SyncBlocksRequest {
    SyncBlocksRequest.with {
      $0.fromHeight = from
      $0.toHeight = to
      $0.maxMessageBytes = bytes
    }
  }

  @Test("a range is sent from its first block to its last")
  func range() throws {
    let chain = try self.chain(blocks: 5).chain
    var cursor = try SyncCursor(self.request(2, 4), in: chain)
    let message = try #require(try cursor.read(from: chain))
    #expect(message.blocks.map { $0.header?.height } == [2, 3, 4])
    #expect(message.nextHeight == 5)
    #expect(cursor.isAtEnd)
    #expect(try cursor.read(from: chain) == nil)
  }

  @Test(
    "no message is larger than asked for, unless one block is",
    arguments: [1, 3_000, 5_000, 100_000] as [UInt32]
  )
  func messageSize(bytes: UInt32) throws {
    let chain = try self.chain(blocks: 6).chain
    var cursor = try SyncCursor(self.request(1, 6, bytes: bytes), in: chain)
    var heights: [UInt64] = []
    while let message = try cursor.read(from: chain) {
      #expect(try message.blocks.count == 1 || message.serializedBytes().count <= Int(bytes))
      heights += message.blocks.compactMap { $0.header?.height }
    }
    #expect(heights == [1, 2, 3, 4, 5, 6])
  }

  @Test("without an end the cursor waits at the head, and goes on with the next block")
  func follow() throws {
    var committee = try self.chain(blocks: 2)
    var cursor = try SyncCursor(self.request(3, 0), in: committee.chain)
    #expect(try cursor.read(from: committee.chain) == nil)
    #expect(!cursor.isAtEnd)
    try committee.decide()
    #expect(try cursor.read(from: committee.chain)?.nextHeight == 4)
    #expect(try cursor.read(from: committee.chain) == nil)
  }

  @Test("a follower that has fallen behind what is kept is cut off")
  func tooSlow() throws {
    var limits = ChainLimits()
    limits.keptBlocks = 2
    var committee = try self.chain(blocks: 1, limits: limits)
    var cursor = try SyncCursor(self.request(1, 0), in: committee.chain)
    for _ in 0..<2 {
      try committee.decide()
    }
    let refusal = #expect(throws: ChainRefusal.self) { try cursor.read(from: committee.chain) }
    #expect(refusal?.reason == .resourceExhausted)
  }

  @Test(
    "a range that is none, not here yet or not any more is refused",
    arguments: [
      (0, 0, .invalidArgument, "from_height must be at least 1, got 0"),
      (3, 2, .invalidArgument, "to_height must be 0 (follow the head) or at least from_height, 3, got 2"),
      (1, 5, .outOfRange, "heights 1 to 5 are past the last decided one, 4"),
      (6, 0, .outOfRange, "heights 6 to 0 are past the last decided one, 4"),
      (1, 4, .outOfRange, "from_height 1 is before the oldest block that is kept, 3"),
    ] as [(UInt64, UInt64, ChainRefusal.Reason, String)]
  )
  func refusedRanges(from: UInt64, to: UInt64, reason: ChainRefusal.Reason, message: String) throws {
    var limits = ChainLimits()
    limits.keptBlocks = 2
    let chain = try self.chain(blocks: 4, limits: limits).chain
    #expect(throws: ChainRefusal(reason, message)) { try SyncCursor(self.request(from, to), in: chain) }
  }

  @Test("the first block can be waited for before there is one")
  func emptyChain() throws {
    var committee = Committee()
    var cursor = try SyncCursor(self.request(1, 0), in: committee.chain)
    #expect(try cursor.read(from: committee.chain) == nil)
    try committee.decide()
    #expect(try cursor.read(from: committee.chain)?.blocks.count == 1)
  }
}
