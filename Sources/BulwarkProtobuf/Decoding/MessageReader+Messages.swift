import CProtobufC

extension MessageReader {
  // MARK: - Messages

  /// A singular field, made where it will stay; one that is absent stays as it is.
  @inlinable
  public func message<Message: ProtobufMessage>(
    into field: inout Message?,
    at offset: Int
  ) throws(ProtobufDecodingError) {
    guard let nested = self.load(UnsafeRawPointer?.self, at: offset) else { return }
    field = Message()
    try field?.read(from: MessageReader(nested))
  }

  /// A singular field; nil if it is absent.
  @inlinable
  public func message<Message: ProtobufMessage>(
    at offset: Int
  ) throws(ProtobufDecodingError) -> Message? {
    var message: Message?
    try self.message(into: &message, at: offset)
    return message
  }

  /// A member of a oneof, or the value of a map entry; absence is the default message.
  @inlinable
  public func presentMessage<Message: ProtobufMessage>(
    at offset: Int
  ) throws(ProtobufDecodingError) -> Message {
    try self.message(at: offset) ?? Message()
  }

  /// A repeated field.
  @inlinable
  public func messages<Message: ProtobufMessage>(
    at offset: Int
  ) throws(ProtobufDecodingError) -> [Message] {
    let elements = self.elements(UnsafeRawPointer.self, at: offset)
    var messages: [Message] = []
    messages.reserveCapacity(elements.count)
    for element in elements {
      var message = Message()
      try message.read(from: MessageReader(element))
      messages.append(message)
    }
    return messages
  }

  // MARK: - Maps and oneofs

  /// A map field; of entries with the same key the last one counts.
  @inlinable
  public func map<Key: ProtobufMapKey, Value>(
    at offset: Int,
    key: (MessageReader) -> Key,
    value: (MessageReader) -> Value
  ) -> [Key: Value] {
    let entries = self.elements(UnsafeRawPointer.self, at: offset)
    var map: [Key: Value] = [:]
    map.reserveCapacity(entries.count)
    for entry in entries {
      let entry = MessageReader(entry)
      map[key(entry)] = value(entry)
    }
    return map
  }

  /// A map field whose values are messages; of entries with the same key the last one counts.
  @inlinable
  public func messageMap<Key: ProtobufMapKey, Value: ProtobufMessage>(
    at offset: Int,
    key: (MessageReader) -> Key,
    valueAt valueOffset: Int
  ) throws(ProtobufDecodingError) -> [Key: Value] {
    let entries = self.elements(UnsafeRawPointer.self, at: offset)
    var map: [Key: Value] = [:]
    map.reserveCapacity(entries.count)
    for entry in entries {
      let entry = MessageReader(entry)
      map[key(entry)] = try entry.presentMessage(at: valueOffset) as Value
    }
    return map
  }

  /// The field number of the member of a oneof that is set, or zero.
  @inlinable
  public func oneofCase(at offset: Int) -> UInt32 {
    self.load(UInt32.self, at: offset)
  }

  // MARK: - Presence and unknown fields

  /// Fails unless a field that proto2 requires is there.
  ///
  /// - Throws: ``ProtobufDecodingError`` with the name of the field.
  @inlinable
  public func require(_ field: StaticString, of message: StaticString, presence: Int)
    throws(ProtobufDecodingError)
  {
    guard self.isPresent(presence) else {
      throw ProtobufDecodingError(.missingRequiredField, message: message, field: field.description)
    }
  }

  /// Fails unless a message field that proto2 requires is there.
  ///
  /// - Throws: ``ProtobufDecodingError`` with the name of the field.
  @inlinable
  public func require(_ field: StaticString, of message: StaticString, at offset: Int)
    throws(ProtobufDecodingError)
  {
    guard self.load(UnsafeRawPointer?.self, at: offset) != nil else {
      throw ProtobufDecodingError(.missingRequiredField, message: message, field: field.description)
    }
  }

  /// The fields that the schema does not know.
  @inlinable
  public var unknownFields: UnknownFields {
    // Behind the 8 bytes of the descriptor's address.
    self.load(UInt32.self, at: 8) == 0 ? UnknownFields() : self.copyUnknownFields()
  }

  @usableFromInline
  func copyUnknownFields() -> UnknownFields {
    let message = self.base.assumingMemoryBound(to: ProtobufCMessage.self).pointee
    var bytes: [UInt8] = []
    for field in UnsafeBufferPointer(start: message.unknown_fields, count: Int(message.n_unknown_fields)) {
      let payload = UnsafeBufferPointer(start: field.data, count: field.len)
      if field.tag == WireTag.envelope.number {
        // The payload is a length and, in its last bytes, a field as it came.
        let lengthEnd = payload.prefix { $0 >= 0x80 }.count + 1
        bytes.append(contentsOf: payload.dropFirst(lengthEnd))
      } else {
        bytes.append(varint: UInt64(field.tag) << 3 | UInt64(field.wire_type.rawValue))
        bytes.append(contentsOf: payload)
      }
    }
    return UnknownFields(bytes: bytes)
  }
}
