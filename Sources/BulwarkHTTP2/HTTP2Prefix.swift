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

  /// Moves its bytes to the beginning of `free`, as many as there is room for.
  mutating func move(into free: UnsafeMutableRawBufferPointer) -> Int {
    let moved = min(Int(self.count), free.count)
    for index in 0..<moved {
      self.bits = self.bits << 8 | self.bits >> 56
      free[index] = UInt8(truncatingIfNeeded: self.bits)
    }
    self.count -= UInt8(truncatingIfNeeded: moved)
    return moved
  }
}
