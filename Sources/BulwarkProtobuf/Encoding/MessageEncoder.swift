import CProtobufC

/// The way from a message to bytes: copy in, let libprotobuf-c pack it where it is wanted, free.
enum MessageEncoder {
  /// The memory on the stack that a small message needs no more than.
  private static let stackBlock = 1024

  /// A message that is laid out and ready to be packed.
  struct PackableMessage {
    fileprivate let message: UnsafePointer<ProtobufCMessage>

    /// How many bytes packing writes.
    let byteCount: Int

    /// Writes the bytes to memory that has room for `byteCount` of them, and returns that count.
    func pack(into bytes: UnsafeMutableRawBufferPointer) -> Int {
      guard let start = bytes.baseAddress, bytes.count >= self.byteCount else { return 0 }
      return protobuf_c_message_pack(self.message, start.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Lays a message out and passes it to the closure, which packs it.
  static func encode<Message: ProtobufMessage, Result>(
    _ message: Message,
    _ pack: (PackableMessage) -> Result
  ) throws(ProtobufEncodingError) -> Result {
    try withUnsafeTemporaryAllocation(
      byteCount: Self.stackBlock,
      alignment: 16
    ) { (block) throws(ProtobufEncodingError) -> Result in
      guard let start = block.baseAddress else {
        throw ProtobufEncodingError(reason: .tooLarge, message: Message.protobufName)
      }
      var arena = EncodingArena(block, baseAddress: start)
      defer { arena.deallocateBlocks() }
      let packed = withUnsafeMutablePointer(to: &arena) { arena in
        let writer = MessageWriter(Message.protobufLayout, arena)
        message.write(to: writer)
        return UnsafePointer(writer.base.assumingMemoryBound(to: ProtobufCMessage.self))
      }
      if let failure = arena.failure {
        throw ProtobufEncodingError(reason: failure, message: Message.protobufName)
      }
      let byteCount = protobuf_c_message_get_packed_size(packed)
      guard byteCount <= Int32.max else {
        throw ProtobufEncodingError(reason: .tooLarge, message: Message.protobufName)
      }
      return pack(PackableMessage(message: packed, byteCount: byteCount))
    }
  }
}
