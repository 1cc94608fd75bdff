import CProtobufC

extension FieldSchema {
  /// What libprotobuf-c is told of the field.
  func descriptor(messages: UnsafePointer<ProtobufCMessageDescriptor>) -> ProtobufCFieldDescriptor {
    var field = ProtobufCFieldDescriptor()
    field.name = UnsafeRawPointer(self.name.utf8Start).assumingMemoryBound(to: CChar.self)
    field.id = self.number
    field.type = self.kind.cType
    field.offset = UInt32(truncatingIfNeeded: self.offset)
    switch self.presence {
    case .implicit:
      field.label = PROTOBUF_C_LABEL_NONE
    case .explicit(let flag):
      field.label = PROTOBUF_C_LABEL_OPTIONAL
      field.quantifier_offset = UInt32(truncatingIfNeeded: flag)
    case .oneof(let number):
      field.label = PROTOBUF_C_LABEL_OPTIONAL
      field.quantifier_offset = UInt32(truncatingIfNeeded: number)
      field.flags = UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue)
    case .repeated, .packed:
      field.label = PROTOBUF_C_LABEL_REPEATED
      field.quantifier_offset = UInt32(truncatingIfNeeded: self.offset)
      field.offset = UInt32(truncatingIfNeeded: self.offset + 8)
      if case .packed = self.presence {
        field.flags = UInt32(PROTOBUF_C_FIELD_FLAG_PACKED.rawValue)
      }
    }
    switch self.kind {
    case .message(let index): field.descriptor = UnsafeRawPointer(messages + index)
    case .imported(let layout): field.descriptor = layout.descriptor
    default: break
    }
    return field
  }
}

extension FieldSchema.Kind {
  fileprivate var cType: ProtobufCType {
    switch self {
    case .int32: PROTOBUF_C_TYPE_INT32
    case .sint32: PROTOBUF_C_TYPE_SINT32
    case .sfixed32: PROTOBUF_C_TYPE_SFIXED32
    case .int64: PROTOBUF_C_TYPE_INT64
    case .sint64: PROTOBUF_C_TYPE_SINT64
    case .sfixed64: PROTOBUF_C_TYPE_SFIXED64
    case .uint32: PROTOBUF_C_TYPE_UINT32
    case .fixed32: PROTOBUF_C_TYPE_FIXED32
    case .uint64: PROTOBUF_C_TYPE_UINT64
    case .fixed64: PROTOBUF_C_TYPE_FIXED64
    case .float: PROTOBUF_C_TYPE_FLOAT
    case .double: PROTOBUF_C_TYPE_DOUBLE
    case .bool: PROTOBUF_C_TYPE_BOOL
    case .enumeration: PROTOBUF_C_TYPE_ENUM
    // A C string ends at the first NUL, which a string field may hold: strings travel as bytes with a length.
    case .string, .bytes: PROTOBUF_C_TYPE_BYTES
    case .message, .imported: PROTOBUF_C_TYPE_MESSAGE
    }
  }
}
