/// Where a received header field stands in ``HTTP2Session/fieldBytes``.
///
/// Names are lower case and free of invalid characters; values may hold any byte that RFC 9113, section 8.2.1,
/// allows, and may have white space around them.
public struct HTTP2Field: Hashable, Sendable {
  // Small, since a session keeps an array of them. What one read brings has far less than 2^32 bytes.
  private let start: UInt32
  private let nameCount: UInt32
  private let valueCount: UInt32

  /// The name's bytes.
  public var name: Range<Int> { Int(self.start)..<Int(self.start) + Int(self.nameCount) }

  /// The value's bytes, which follow.
  public var value: Range<Int> { self.name.upperBound..<self.name.upperBound + Int(self.valueCount) }

  /// A field whose name begins at this place, and whose value follows. What is above 2^32 is cut off.
  public init(start: Int, nameCount: Int, valueCount: Int) {
    self.start = UInt32(clamping: start)
    self.nameCount = UInt32(clamping: nameCount)
    self.valueCount = UInt32(clamping: valueCount)
  }
}
