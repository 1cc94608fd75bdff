import CProtobufC

extension MessageWriter {
  // MARK: - Messages

  /// A singular field.
  @inlinable
  public func message<Message: ProtobufMessage>(_ value: Message?, at offset: Int) {
    guard let value else { return }
    self.store(self.nested(value), at: offset)
  }

  /// A field that proto2 requires: packing fails if it is nil.
  @inlinable
  public func requiredMessage<Message: ProtobufMessage>(_ value: Message?, at offset: Int) {
    if value == nil { self.fail(.missingRequiredField) }
    self.message(value, at: offset)
  }

  /// A repeated field.
  @inlinable
  public func messages<Message: ProtobufMessage>(_ values: [Message], at offset: Int) {
    guard !values.isEmpty else { return }
    let elements = self.elements(UnsafeMutableRawPointer.self, count: values.count, at: offset)
    for index in values.indices {
      (elements + index).initialize(to: self.nested(values[index]))
    }
  }

  /// Lays out a message and everything below it.
  @inlinable
  func nested<Message: ProtobufMessage>(_ value: Message) -> UnsafeMutableRawPointer {
    let writer = MessageWriter(Message.protobufLayout, self.arena)
    if self.arena.pointee.depth >= 100 {
      self.fail(.tooDeep)
    } else {
      self.arena.pointee.depth += 1
      value.write(to: writer)
      self.arena.pointee.depth -= 1
    }
    return writer.base
  }

  // MARK: - Maps and oneofs

  /// A map field: its entries in the order of their keys.
  @inlinable
  public func map<Key: ProtobufMapKey, Value>(
    _ values: [Key: Value],
    at offset: Int,
    entry layout: MessageLayout,
    _ write: (_ entry: MessageWriter, Key, Value) -> Void
  ) {
    guard !values.isEmpty else { return }
    let elements = self.elements(UnsafeMutableRawPointer.self, count: values.count, at: offset)
    let sorted = values.sorted { Key.precedes($0.key, $1.key) }
    for index in sorted.indices {
      let entry = MessageWriter(layout, self.arena)
      write(entry, sorted[index].key, sorted[index].value)
      (elements + index).initialize(to: entry.base)
    }
  }

  /// The field number of the member of a oneof that is set.
  @inlinable
  public func oneofCase(_ number: UInt32, at offset: Int) {
    self.store(number, at: offset)
  }

  // MARK: - Unknown fields and failures

  /// The fields that the schema does not know.
  @inlinable
  public func unknownFields(_ fields: UnknownFields) {
    if !fields.isEmpty { self.copyUnknownFields(fields) }
  }

  /// Passes all unknown fields as one: the tag of the first is told apart, what follows it is its payload.
  @usableFromInline
  func copyUnknownFields(_ fields: UnknownFields) {
    let bytes = Self.reference(to: fields.bytes)
    self.arena.pointee.payload &+= bytes.count
    guard let start = bytes.start else { return }
    var cursor = WireCursor(at: start, end: start + bytes.count)
    guard let tag = try? cursor.readTag() else { return }
    let field = self.arena.pointee.allocate(MemoryLayout<ProtobufCMessageUnknownField>.stride)
      .bindMemory(to: ProtobufCMessageUnknownField.self, capacity: 1)
    field.initialize(
      to: ProtobufCMessageUnknownField(
        tag: tag.number,
        wire_type: ProtobufCWireType(rawValue: UInt32(tag.type.rawValue)),
        len: cursor.remaining,
        data: UnsafeMutablePointer(mutating: cursor.at)
      )
    )
    let message = self.base.assumingMemoryBound(to: ProtobufCMessage.self)
    message.pointee.n_unknown_fields = 1
    message.pointee.unknown_fields = field
  }

  /// Remembers the first thing that keeps the message from being packed.
  @usableFromInline
  func fail(_ reason: ProtobufEncodingError.Reason) {
    if self.arena.pointee.failure == nil { self.arena.pointee.failure = reason }
  }
}
