import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkWire

/// Large messages that come in pieces are put together in memory that was used before.
@Suite struct MessageBuffersTests {
  private let buffers = MessageBuffers()

  /// The message of so many bytes that comes in pieces.
  private func message(of byte: UInt8, count: Int) throws -> ByteBuffer {
    var deframer = MessageDeframer(limit: 8 << 20)
    var bytes = ByteBuffer(bytes: Sample.framed([UInt8](repeating: byte, count: count)))
    while var piece = bytes.readSlice(length: min(16_384, bytes.readableBytes)), piece.readableBytes > 0 {
      if let message = try deframer.next(from: &piece, buffers: self.buffers) { return message }
    }
    throw Unfinished()
  }

  private func address(of message: ByteBuffer) -> Int {
    message.withUnsafeReadableBytes { Int(bitPattern: $0.baseAddress) }
  }

  private struct Unfinished: Error {}

  @Test func theMemoryOfAMessageThatIsGoneServesTheNextOne() throws {
    let first = self.address(of: try self.message(of: 1, count: 200_000))
    // As large, so that malloc would give its memory to this one if it had it.
    let other = ByteBuffer(bytes: [UInt8](repeating: 3, count: 200_000))
    let second = try self.message(of: 2, count: 150_000)
    #expect(self.address(of: second) == first)
    #expect(self.address(of: other) != first)
    #expect(second.readableBytes == 150_000)
    #expect(second.readableBytesView.allSatisfy { $0 == 2 })
  }

  @Test func aMessageThatSomebodyHoldsIsLeftAlone() throws {
    let held = try (1...6).map { try self.message(of: $0, count: 200_000) }
    for (byte, message) in zip(1..., held) {
      #expect(message.readableBytes == 200_000)
      #expect(message.readableBytesView.allSatisfy { $0 == byte })
    }
    #expect(Set(held.map(self.address)).count == 6)
  }

  /// Or a peer that sends little would bind what a large message has left, and is counted with what it sends.
  @Test func whoAsksForLittleGetsLittle() {
    self.buffers.keep(ByteBuffer(repeating: 1, count: 4 << 20))
    #expect(self.buffers.take(capacity: 300_000).storageCapacity == 512 * 1024)
    #expect(self.buffers.take(capacity: 3 << 20).storageCapacity == 4 << 20)
    #expect(self.buffers.keptBytes == 0)
  }

  @Test func aMessageThatHasBegunHoldsNoMoreThanFourTimesWhatCame() throws {
    for _ in 1...4 { _ = try self.message(of: 1, count: 3 << 20) }
    let before = self.buffers.keptBytes
    var deframer = MessageDeframer(limit: 8 << 20)
    var piece = ByteBuffer(bytes: Sample.framed([UInt8](repeating: 1, count: 3 << 20))[..<100_000])
    #expect(try deframer.next(from: &piece, buffers: self.buffers) == nil)
    #expect(before - self.buffers.keptBytes <= 512 * 1024)
  }

  /// What a message has outgrown has to be of use to the next one, or it would pile up and drive out what is.
  @Test func messagesOneAfterTheOtherKeepNoMoreThanOneOfThem() throws {
    _ = try self.message(of: 1, count: 1_000_000)
    let kept = self.buffers.keptBytes
    for _ in 1...10 { _ = try self.message(of: 1, count: 1_000_000) }
    #expect(self.buffers.keptBytes == kept)
  }

  @Test func whatIsSmallIsNotKept() throws {
    _ = try self.message(of: 1, count: 60_000)
    #expect(self.buffers.keptBytes == 0)
  }

  @Test func sixteenMebibytesAreKeptAndTheOldestGoFirst() {
    self.buffers.keep(ByteBuffer(repeating: 1, count: 1 << 20))
    for _ in 1...4 { self.buffers.keep(ByteBuffer(repeating: 1, count: 4 << 20)) }
    #expect(self.buffers.keptBytes == 16 << 20)
    self.buffers.keep(ByteBuffer(repeating: 1, count: 32 << 20))
    #expect(self.buffers.keptBytes == 16 << 20)
    for _ in 1...4 { #expect(self.buffers.take(capacity: 4 << 20).storageCapacity == 4 << 20) }
    #expect(self.buffers.keptBytes == 0)
  }
}
