public import struct NIOCore.ByteBuffer

extension ProtobufMessage {
  /// Decodes a message.
  ///
  /// Bytes from anyone may be passed: they are checked as a whole, and against the limits, before anything is
  /// made of them.
  ///
  /// - Throws: ``ProtobufDecodingError``, which names the message type and the field.
  public init(
    serializedBytes bytes: some Sequence<UInt8>,
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) throws(ProtobufDecodingError) {
    let inPlace = bytes.withContiguousStorageIfAvailable { Self.decode($0, limits) }
    self = try (inPlace ?? Array(bytes).withUnsafeBufferPointer { Self.decode($0, limits) }).get()
  }

  /// Decodes a message from all readable bytes of the buffer, in place. The buffer's reader index stays.
  ///
  /// - Throws: ``ProtobufDecodingError``, which names the message type and the field.
  public init(
    serializedBuffer buffer: ByteBuffer,
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) throws(ProtobufDecodingError) {
    self = try buffer.withUnsafeReadableBytes { bytes in
      bytes.withMemoryRebound(to: UInt8.self) { Self.decode($0, limits) }
    }.get()
  }

  private static func decode(
    _ bytes: UnsafeBufferPointer<UInt8>,
    _ limits: ProtobufDecodingLimits
  ) -> Result<Self, ProtobufDecodingError> {
    Result { () throws(ProtobufDecodingError) in
      try MessageDecoder(limits: limits, wireByteCount: bytes.count).decode(bytes)
    }
  }

  /// The bytes of the message.
  ///
  /// Fields are written in the order of their numbers, map entries in the order of their keys, unknown fields
  /// last: equal messages have equal bytes. Other implementations, and other versions of a schema, may order them
  /// otherwise, so that a signature belongs over bytes as they were received and never over bytes made anew.
  ///
  /// - Throws: ``ProtobufEncodingError`` if the message is nested too deep, too large, or incomplete.
  public func serializedBytes() throws(ProtobufEncodingError) -> [UInt8] {
    try MessageEncoder.encode(self) { message in
      [UInt8](unsafeUninitializedCapacity: message.byteCount) { buffer, count in
        count = message.pack(into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  /// Appends the bytes of the message to the buffer, without a length before them.
  ///
  /// - Throws: ``ProtobufEncodingError`` as ``serializedBytes()`` does; the buffer is then unchanged.
  public func serialize(into buffer: inout ByteBuffer) throws(ProtobufEncodingError) {
    try MessageEncoder.encode(self) { message in
      _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: message.byteCount) { bytes in
        message.pack(into: bytes)
      }
    }
  }
}
