public import struct NIOCore.ByteBuffer

// Inlinable, so that a message is copied out and in by code that is compiled for its type.

extension ProtobufMessage {
  /// Decodes a message.
  ///
  /// Bytes from anyone may be passed: they are checked as a whole, and against the limits, before anything is
  /// made of them.
  ///
  /// - Throws: ``ProtobufDecodingError``, which names the message type and the field.
  @inlinable
  public init(
    serializedBytes bytes: some Sequence<UInt8>,
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) throws(ProtobufDecodingError) {
    self.init()
    let decoder = MessageDecoder(Self.protobufLayout, limits: limits)
    let inPlace = bytes.withContiguousStorageIfAvailable { decoder.decode($0, into: &self) }
    let result = inPlace ?? [UInt8](bytes).withUnsafeBufferPointer { decoder.decode($0, into: &self) }
    try result.get()
  }

  /// Decodes a message from all readable bytes of the buffer, in place. The buffer's reader index stays.
  ///
  /// - Throws: ``ProtobufDecodingError``, which names the message type and the field.
  @inlinable
  public init(
    serializedBuffer buffer: ByteBuffer,
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) throws(ProtobufDecodingError) {
    self.init()
    let decoder = MessageDecoder(Self.protobufLayout, limits: limits)
    let result = buffer.withUnsafeReadableBytes { bytes in
      bytes.withMemoryRebound(to: UInt8.self) { decoder.decode($0, into: &self) }
    }
    try result.get()
  }

  /// The bytes of the message.
  ///
  /// Fields are written in the order of their numbers, map entries in the order of their keys, unknown fields
  /// last: equal messages have equal bytes. Other implementations, and other versions of a schema, may order them
  /// otherwise, so that a signature belongs over bytes as they were received and never over bytes made anew.
  ///
  /// - Throws: ``ProtobufEncodingError`` if the message is nested too deep, too large, or incomplete.
  @inlinable
  public func serializedBytes() throws(ProtobufEncodingError) -> [UInt8] {
    try MessageEncoder(Self.protobufLayout).bytes { self.write(to: $0) }
  }

  /// Appends the bytes of the message to the buffer, without a length before them.
  ///
  /// - Throws: ``ProtobufEncodingError`` as ``serializedBytes()`` does; the buffer is then unchanged.
  @inlinable
  public func serialize(into buffer: inout ByteBuffer) throws(ProtobufEncodingError) {
    try MessageEncoder(Self.protobufLayout).append(to: &buffer) { self.write(to: $0) }
  }
}
