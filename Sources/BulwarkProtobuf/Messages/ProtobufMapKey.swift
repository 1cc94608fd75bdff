/// A type that can be the key of a map field: integers, booleans and strings.
///
/// A string map compares keys as Swift compares strings: keys that differ only in how Unicode composes their
/// characters are one key.
public protocol ProtobufMapKey: Hashable, Sendable {
  /// Whether a key is written before another one.
  ///
  /// Map entries are written in this order, so that equal messages have equal bytes within a program.
  static func precedes(_ first: Self, _ second: Self) -> Bool
}

extension ProtobufMapKey where Self: Comparable {
  @inlinable
  public static func precedes(_ first: Self, _ second: Self) -> Bool { first < second }
}

extension Int32: ProtobufMapKey {}
extension Int64: ProtobufMapKey {}
extension UInt32: ProtobufMapKey {}
extension UInt64: ProtobufMapKey {}

extension Bool: ProtobufMapKey {
  @inlinable
  public static func precedes(_ first: Bool, _ second: Bool) -> Bool { !first && second }
}

extension String: ProtobufMapKey {
  // By UTF-8 bytes, which is what other implementations sort by, and cheaper than Unicode order.
  @inlinable
  public static func precedes(_ first: String, _ second: String) -> Bool {
    first.utf8.lexicographicallyPrecedes(second.utf8)
  }
}
