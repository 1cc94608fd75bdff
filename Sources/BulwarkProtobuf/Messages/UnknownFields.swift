/// The fields of a message that its schema does not know, as they came over the wire.
///
/// Among them are fields whose wire type is not the one that the schema says, groups, and extensions. They are
/// written after the known fields, in the order in which they came.
@frozen
public struct UnknownFields: Hashable, Sendable {
  /// The fields with their tags, one after the other: always zero or more whole and valid fields.
  public let bytes: [UInt8]

  /// No unknown fields.
  @inlinable
  public init() {
    self.bytes = []
  }

  @usableFromInline
  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Whether there are none.
  @inlinable
  public var isEmpty: Bool { self.bytes.isEmpty }
}
