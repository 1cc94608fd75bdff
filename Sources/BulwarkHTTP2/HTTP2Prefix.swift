import struct NIOCore.ByteBuffer

/// Up to eight bytes that go out before a payload, held inline: gRPC's five-byte message prefix costs no buffer.
public struct HTTP2Prefix: Hashable, Sendable {
  /// The bytes not yet sent, the first in the highest byte.
  private var bits: UInt64
  /// How many of them count, 0 to 8.
  private(set) var count: UInt8

  /// The `count` lowest bytes of `bytes`, the most significant first. A count above eight means eight.
  public init(bytes: UInt64, count: UInt8) {
    self.count = min(count, 8)
    self.bits = self.count == 0 ? 0 : bytes << (8 * UInt64(8 - self.count))
  }

  /// gRPC's message prefix: the compressed flag and the message's length in bytes.
  public init(flag: UInt8, length: UInt32) {
    self.init(bytes: UInt64(flag) << 32 | UInt64(length), count: 5)
  }

  /// Moves the first `limit` bytes, or all if there are fewer, to the end of `buffer`.
  mutating func move(upTo limit: Int, into buffer: inout ByteBuffer) -> Int {
    let moved = min(Int(self.count), limit)
    // All eight bytes are written at once; those that do not count are written over by what follows.
    buffer.setInteger(self.bits, at: buffer.writerIndex)
    buffer.moveWriterIndex(forwardBy: moved)
    self.bits <<= 8 * UInt64(moved)
    self.count -= UInt8(truncatingIfNeeded: moved)
    return moved
  }
}
