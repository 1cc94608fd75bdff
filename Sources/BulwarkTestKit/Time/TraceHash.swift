/// A fingerprint of all that happened in a run, in order: two runs that did the same have the same one.
///
/// It is FNV-1a over 64-bit words: quick, and the same in every process, which `Hasher` is not.
public struct TraceHash: Hashable, Sendable, CustomStringConvertible {
  /// The fingerprint so far.
  public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The fingerprint of nothing.
  public init() {}

  /// Adds a number.
  public mutating func combine(_ word: some FixedWidthInteger) {
    self.value = (self.value ^ UInt64(truncatingIfNeeded: word)) &* 0x100_0000_01B3
  }

  /// Adds a text.
  public mutating func combine(_ text: String) {
    for byte in text.utf8 {
      self.combine(byte)
    }
  }

  public var description: String { String(self.value, radix: 16) }
}
