import CProtobufC

/// The layouts of all messages of one .proto file, built once, when the file's first message is used.
///
/// One table for a file, because message types of a file may contain each other in circles, and those of
/// different files cannot.
@frozen
public struct SchemaTable: @unchecked Sendable {
  // Sendable because nothing writes through the pointer after the initializer.
  @usableFromInline
  let layouts: UnsafePointer<MessageLayout>

  /// Builds the layouts of messages that generated code describes.
  public init(_ messages: [MessageSchema]) {
    // The memory below is referred to by every later message and is never freed: descriptors are constants that
    // happen to be computed.
    let descriptors = UnsafeMutablePointer<ProtobufCMessageDescriptor>.allocate(capacity: messages.count)
    let tables = UnsafeMutablePointer<ScanTable>.allocate(capacity: messages.count)
    for (index, message) in messages.enumerated() {
      (descriptors + index).initialize(to: message.descriptor(messages: descriptors))
      (tables + index).initialize(to: ScanTable(message, tables: tables))
    }
    let layouts = messages.enumerated().map { index, message in
      MessageLayout(
        descriptor: UnsafeRawPointer(descriptors + index),
        byteCount: message.byteCount,
        fieldCount: message.fields.count,
        scanTable: tables + index,
        name: message.name
      )
    }
    self.layouts = UnsafePointer(constants(layouts))
  }

  /// The layout of a message by its place in the table, which generated code knows.
  @inlinable
  public subscript(index: Int) -> MessageLayout { self.layouts[index] }
}

extension MessageSchema {
  fileprivate func descriptor(
    messages: UnsafePointer<ProtobufCMessageDescriptor>
  ) -> ProtobufCMessageDescriptor {
    var descriptor = ProtobufCMessageDescriptor()
    descriptor.magic = UInt32(PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
    descriptor.name = UnsafeRawPointer(self.name.utf8Start).assumingMemoryBound(to: CChar.self)
    descriptor.sizeof_message = self.byteCount
    descriptor.n_fields = UInt32(truncatingIfNeeded: self.fields.count)
    if !self.fields.isEmpty {
      descriptor.fields = UnsafePointer(constants(self.fields.map { $0.descriptor(messages: messages) }))
    }
    let ranges = self.numberRanges
    descriptor.n_field_ranges = UInt32(truncatingIfNeeded: ranges.count - 1)
    descriptor.field_ranges = UnsafePointer(constants(ranges))
    return descriptor
  }

  /// The runs of consecutive field numbers, each with the place of its first field, and one to end them: what
  /// libprotobuf-c finds a field by.
  private var numberRanges: [ProtobufCIntRange] {
    var ranges: [ProtobufCIntRange] = []
    var expected: UInt32 = 0
    for (index, field) in self.fields.enumerated() {
      if field.number != expected {
        ranges.append(
          ProtobufCIntRange(
            start_value: Int32(truncatingIfNeeded: field.number),
            orig_index: UInt32(truncatingIfNeeded: index)
          )
        )
      }
      expected = field.number &+ 1
    }
    ranges.append(
      ProtobufCIntRange(start_value: 0, orig_index: UInt32(truncatingIfNeeded: self.fields.count))
    )
    return ranges
  }
}

extension ScanTable {
  fileprivate init(_ message: MessageSchema, tables: UnsafePointer<ScanTable>) {
    var singularCount = 0
    var rules: [FieldRule] = []
    for field in message.fields {
      let rule = FieldRule(field, singularIndex: singularCount, tables: tables)
      if rule.singularBit != 0 { singularCount += 1 }
      rules.append(rule)
    }
    let directCount = min(256, message.fields.last.map { Int($0.number) + 1 } ?? 0)
    var direct = [UInt16](repeating: 0, count: directCount)
    for (index, field) in message.fields.enumerated() where field.number < directCount {
      direct[Int(field.number)] = UInt16(index + 1)
    }
    var byTag = [UInt8](repeating: 0, count: 128)
    for (index, rule) in rules.enumerated() where rule.number < 16 {
      byTag[Int(rule.number) << 3 | Int(rule.wireType.rawValue)] = UInt8(index + 1)
    }
    self.name = message.name
    self.byTag = UnsafePointer(constants(byTag))
    self.memory = UnpackedMemory.message(byteCount: message.byteCount, fields: message.fields)
    self.byteCount = message.byteCount
    self.rules = UnsafePointer(constants(rules))
    self.ruleCount = rules.count
    self.direct = UnsafePointer(constants(direct))
    self.directCount = directCount
    self.isMapEntry = message.isMapEntry
  }
}

/// Puts values into memory that stays for the life of the program.
private func constants<Value>(_ values: [Value]) -> UnsafeMutablePointer<Value> {
  let memory = UnsafeMutablePointer<Value>.allocate(capacity: max(values.count, 1))
  memory.initialize(from: values, count: values.count)
  return memory
}
