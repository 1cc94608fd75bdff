extension ProtobufAny {
  /// Creates an Any that holds a message, with the type URL `type.googleapis.com/NAME`.
  ///
  /// - Throws: ``ProtobufEncodingError`` if the message has no bytes.
  public init<Message: ProtobufMessage>(_ message: Message) throws(ProtobufEncodingError) {
    self.init()
    self.typeUrl = "type.googleapis.com/\(Message.protobufName)"
    self.value = try message.serializedBytes()
  }

  /// Whether the Any says that it holds a message of this type: what stands behind the last slash of its URL.
  public func holds<Message: ProtobufMessage>(_ type: Message.Type) -> Bool {
    self.typeUrl.split(separator: "/", omittingEmptySubsequences: false).last.map { $0 == type.protobufName }
      ?? false
  }

  /// The message that the Any holds, or nil if it says that it holds one of another type.
  ///
  /// - Throws: ``ProtobufDecodingError`` if the bytes are not a message of the type.
  public func message<Message: ProtobufMessage>(
    _ type: Message.Type = Message.self,
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) throws(ProtobufDecodingError) -> Message? {
    self.holds(type) ? try Message(serializedBytes: self.value, limits: limits) : nil
  }
}
