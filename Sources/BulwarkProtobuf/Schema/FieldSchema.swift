/// What generated code says of one field of a message.
///
/// Offsets count bytes from the start of the message's memory; the first 24 belong to libprotobuf-c.
public struct FieldSchema: Sendable {
  /// The type of a field, as the schema names it.
  public enum Kind: Sendable {
    case int32, sint32, sfixed32, int64, sint64, sfixed64
    case uint32, fixed32, uint64, fixed64
    case float, double, bool, enumeration
    case string, bytes
    /// A message of the same .proto file: its place in the file's ``SchemaTable``.
    case message(Int)
    /// A message of another .proto file.
    case imported(MessageLayout)
  }

  /// How often a field may be there, and how the message shows that it is.
  public enum Presence: Sendable {
    /// Once; the default value and absence are the same.
    case implicit
    /// Once; a flag at the offset says whether it is there. Messages need no flag.
    case explicit(at: Int)
    /// Once, and no other member of the oneof beside it; the case number is at the offset.
    case oneof(at: Int)
    /// Any number of times.
    case repeated
    /// Any number of times, written packed.
    case packed
  }

  let number: UInt32
  let name: StaticString
  let kind: Kind
  let presence: Presence
  let offset: Int

  /// Describes a field. A repeated field has its count at the offset and the elements' address 8 bytes behind.
  public init(
    _ number: UInt32,
    _ name: StaticString,
    _ kind: Kind,
    _ presence: Presence = .implicit,
    at offset: Int
  ) {
    self.number = number
    self.name = name
    self.kind = kind
    self.presence = presence
    self.offset = offset
  }
}

/// What generated code says of one message.
public struct MessageSchema: Sendable {
  let name: StaticString
  let byteCount: Int
  let isMapEntry: Bool
  let fields: [FieldSchema]

  /// Describes a message.
  ///
  /// - Parameters:
  ///   - name: the full name.
  ///   - byteCount: the memory of the message without what its fields point to; a multiple of 8.
  ///   - isMapEntry: whether the message is an entry of a map.
  ///   - fields: the fields, in ascending order of their numbers.
  public init(_ name: StaticString, byteCount: Int, isMapEntry: Bool = false, _ fields: [FieldSchema] = []) {
    self.name = name
    self.byteCount = byteCount
    self.isMapEntry = isMapEntry
    self.fields = fields
  }
}
