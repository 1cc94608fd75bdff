/// How much memory `protobuf_c_message_unpack` asks its allocator for.
///
/// The scanner adds these up before unpacking, so that one block of the exact size is enough and the limit is
/// known to hold before anything is allocated. The figures are upper bounds for libprotobuf-c 1.4 and 1.5.
enum UnpackedMemory {
  /// Every allocation begins at a multiple of this many bytes.
  static let alignment = 16

  /// The memory of one allocation.
  @inline(__always)
  static func block(_ byteCount: Int) -> Int { (byteCount &+ 15) & ~15 }

  /// A message without what its fields point to: the struct, the bitmap of its required fields if that does not
  /// fit on the stack, and what aligning the array of each repeated field may cost.
  static func message(byteCount: Int, fields: [FieldSchema]) -> Int {
    let repeatedCount = fields.count { $0.presence.isRepeated }
    return Self.block(byteCount)
      + (fields.count > 128 ? Self.block((fields.count + 7) / 8) : 0)
      + repeatedCount * Self.alignment
  }

  /// The list of a message's members that is made first: 16 of them lie on the stack, then come blocks of 32, 64
  /// and so on, each member taking 32 bytes.
  @inline(__always)
  static func members(_ count: Int) -> Int {
    guard count > 16 else { return 0 }
    var listed = 16
    var block = 16
    while listed < count {
      block &*= 2
      listed &+= block
    }
    return (listed &- 16) &* 32
  }

  /// A field that the schema does not know: its entry, its bytes, and what aligning the entries may cost.
  @inline(__always)
  static func unknownField(byteCount: Int) -> Int { 32 &+ Self.block(byteCount) &+ Self.alignment }
}
