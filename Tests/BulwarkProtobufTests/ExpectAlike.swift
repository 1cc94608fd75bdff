import BulwarkProtobuf
import Testing

/// Expects that a message is decoded to the same with an unknown field behind it, which makes libprotobuf-c unpack it,
/// and without.
func expectAlike<Message: ProtobufMessage>(
  _ bytes: [UInt8],
  _ type: Message.Type,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let unknown = Wire.number(15_000, 1)
  guard let message = try? Message(serializedBytes: bytes) else {
    // Nothing in front of the unknown field makes it valid, because each field is whole.
    #expect(throws: ProtobufDecodingError.self, sourceLocation: sourceLocation) {
      try Message(serializedBytes: bytes + unknown)
    }
    return
  }
  let unpackedInGeneral = try Message(serializedBytes: bytes + unknown)
  // Bytes, because numbers that are NaN are equal to none.
  #expect(
    try unpackedInGeneral.serializedBytes() == message.serializedBytes() + unknown,
    "\(type) \(bytes)",
    sourceLocation: sourceLocation
  )
}
