/// Where a received header field stands in ``HTTP2Session/fieldBytes``.
///
/// Names are lower case and free of invalid characters; values may hold any byte that RFC 9113, section 8.2.1,
/// allows, and may have white space around them.
public struct HTTP2Field: Hashable, Sendable {
  /// The name's bytes.
  public var name: Range<Int>
  /// The value's bytes.
  public var value: Range<Int>

  /// A field whose name and value stand at these places.
  public init(name: Range<Int>, value: Range<Int>) {
    self.name = name
    self.value = value
  }
}
