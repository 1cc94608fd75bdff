/// What the scanner knows of one message type.
struct ScanTable {
  /// The full name of the message type.
  let name: StaticString

  /// The memory that unpacking takes for the message before any of its fields is counted.
  let memory: Int

  /// The bytes of the message itself; a multiple of 8.
  let byteCount: Int

  /// The known fields in ascending order of their numbers.
  let rules: UnsafePointer<FieldRule>
  let ruleCount: Int

  /// For each tag of one byte: one more than the place in `rules` of the field whose tag it is, or zero.
  let byTag: UnsafePointer<UInt8>

  /// For each field number below `directCount`: one more than its place in `rules`, or zero.
  let direct: UnsafePointer<UInt16>
  let directCount: Int

  /// Whether the message is an entry of a map.
  let isMapEntry: Bool

  /// The rule of the field whose tag is this one byte, its wire type included; nil for everything else.
  ///
  /// Nearly every field of nearly every message is found here, with one load.
  @inline(__always)
  static func rule(forTag byte: UInt8, in table: UnsafePointer<ScanTable>) -> UnsafePointer<FieldRule>? {
    guard byte < 0x80 else { return nil }
    let index = Int(table.pointee.byTag[Int(byte)])
    return index == 0 ? nil : table.pointee.rules + (index &- 1)
  }

  /// The rule of a field number; nil if the schema does not know it.
  ///
  /// Static, so that looking a field up does not copy the table.
  @inline(__always)
  static func rule(for number: UInt32, in table: UnsafePointer<ScanTable>) -> UnsafePointer<FieldRule>? {
    if Int(number) < table.pointee.directCount {
      let index = Int(table.pointee.direct[Int(number)])
      return index == 0 ? nil : table.pointee.rules + (index &- 1)
    }
    return Self.search(number, in: table)
  }

  private static func search(
    _ number: UInt32,
    in table: UnsafePointer<ScanTable>
  ) -> UnsafePointer<FieldRule>? {
    let rules = table.pointee.rules
    var low = 0
    var high = table.pointee.ruleCount
    while low < high {
      let middle = (low + high) / 2
      if rules[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low < table.pointee.ruleCount && rules[low].number == number ? rules + low : nil
  }
}

/// What the scanner checks of one field, and where its value is stored.
struct FieldRule {
  /// What the payload of a length-delimited field is.
  enum Payload {
    case bytes
    case string
    case message
    /// Values without tags between them; the schema need not say so.
    case packed(PackedElement)
  }

  /// What the elements of a packed field are.
  enum PackedElement {
    case varint, boolean, fixed
  }

  /// What a value is in the memory of a message.
  enum Storage {
    case varint32, zigzag32, varint64, zigzag64, boolean, fixed32, fixed64, bytes, string, message
  }

  let number: UInt32

  /// The wire type of one value.
  let wireType: WireType

  /// What stands behind a length, if the field has one.
  let payload: Payload

  /// Whether the field is there any number of times.
  let isRepeated: Bool

  /// The memory of one element of a repeated field; zero for a singular field.
  let elementMemory: Int

  /// A bit for each singular message field, shared by fields from the 65th on; otherwise zero.
  let singularBit: UInt64

  let presence: FieldSchema.Presence

  /// Where it is stored that a value is there, and what: a flag, or the case number of a oneof. Zero, the place of
  /// the descriptor, if nothing is.
  let presencePlace: Int
  let presenceValue: UInt32

  let storage: Storage

  /// The place of the value in the memory of the message.
  let offset: Int

  /// The table of the field's message type.
  let message: UnsafePointer<ScanTable>?

  let name: StaticString

  /// The offset of the case number if the field is a member of a oneof; otherwise nil.
  var oneof: Int? {
    if case .oneof(let offset) = self.presence { offset } else { nil }
  }

  /// Whether a value of the field may come with the wire type.
  @inline(__always)
  func accepts(_ type: WireType) -> Bool {
    if type == self.wireType { return true }
    guard type == .lengthDelimited, self.isRepeated, case .packed = self.payload else { return false }
    return true
  }
}

extension FieldRule {
  init(_ field: FieldSchema, singularIndex: Int, tables: UnsafePointer<ScanTable>) {
    let elementSize: Int
    (self.wireType, self.payload, elementSize) = field.kind.wireForm
    self.number = field.number
    self.name = field.name
    self.isRepeated = field.presence.isRepeated
    self.elementMemory = self.isRepeated ? elementSize : 0
    self.presence = field.presence
    switch field.presence {
    case .explicit(let flag): (self.presencePlace, self.presenceValue) = (flag, 1)
    case .oneof(let place): (self.presencePlace, self.presenceValue) = (place, field.number)
    case .implicit, .repeated, .packed: (self.presencePlace, self.presenceValue) = (0, 0)
    }
    self.storage = field.kind.storage
    self.offset = field.offset
    switch field.kind {
    case .message(let index): self.message = tables + index
    case .imported(let layout): self.message = layout.scanTable
    default: self.message = nil
    }
    // Two fields that share a bit look like one field that comes twice. Such a message takes the slow path,
    // where it is looked at properly.
    self.singularBit = self.message != nil && !self.isRepeated ? 1 << (singularIndex & 63) : 0
  }
}

extension FieldSchema.Presence {
  var isRepeated: Bool {
    switch self {
    case .repeated, .packed: true
    case .implicit, .explicit, .oneof: false
    }
  }
}

extension FieldSchema.Kind {
  /// The wire type, what a length-delimited payload holds, and the memory of an element in an unpacked array.
  fileprivate var wireForm: (WireType, FieldRule.Payload, elementSize: Int) {
    switch self {
    case .int32, .sint32, .uint32, .enumeration: (.varint, .packed(.varint), 4)
    case .int64, .sint64, .uint64: (.varint, .packed(.varint), 8)
    case .bool: (.varint, .packed(.boolean), 4)
    case .sfixed32, .fixed32, .float: (.fixed32, .packed(.fixed), 4)
    case .sfixed64, .fixed64, .double: (.fixed64, .packed(.fixed), 8)
    case .string: (.lengthDelimited, .string, 16)
    case .bytes: (.lengthDelimited, .bytes, 16)
    case .message, .imported: (.lengthDelimited, .message, 8)
    }
  }

  fileprivate var storage: FieldRule.Storage {
    switch self {
    case .int32, .uint32, .enumeration: .varint32
    case .sint32: .zigzag32
    case .int64, .uint64: .varint64
    case .sint64: .zigzag64
    case .bool: .boolean
    case .sfixed32, .fixed32, .float: .fixed32
    case .sfixed64, .fixed64, .double: .fixed64
    case .string: .string
    case .bytes: .bytes
    case .message, .imported: .message
    }
  }
}
