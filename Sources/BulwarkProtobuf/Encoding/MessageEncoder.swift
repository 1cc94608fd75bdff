import CProtobufC
public import struct NIOCore.ByteBuffer

/// The way from a message to bytes: copy in, let libprotobuf-c pack it where it is wanted, free.
///
/// Nothing here is generic: what depends on the type of the message is compiled into the module that the type is in.
@usableFromInline
struct MessageEncoder {
  /// The memory on the stack that most small messages need no more than.
  private static let stackBlock = 1024

  private let layout: MessageLayout

  @usableFromInline
  init(_ layout: MessageLayout) {
    self.layout = layout
  }

  /// The bytes of the message that the closure writes.
  @usableFromInline
  func bytes(_ write: (MessageWriter) -> Void) throws(ProtobufEncodingError) -> [UInt8] {
    var bytes: [UInt8] = []
    try self.encode(write) { message, limit, arena in
      if limit <= arena.remaining {
        // Packed into what is left of the stack, and copied: making an array of a known size from memory costs less
        // than making one to be filled.
        let start = arena.allocate(limit).bindMemory(to: UInt8.self, capacity: limit)
        bytes = Array(UnsafeBufferPointer(start: start, count: protobuf_c_message_pack(message, start)))
      } else {
        bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
          guard let start = buffer.baseAddress else { return }
          count = protobuf_c_message_pack(message, start)
        }
      }
    }
    return bytes
  }

  /// Appends the bytes of the message that the closure writes.
  @usableFromInline
  func append(
    to buffer: inout ByteBuffer,
    _ write: (MessageWriter) -> Void
  ) throws(ProtobufEncodingError) {
    try self.encode(write) { message, limit, _ in
      // To clear an empty buffer takes memory at once; to write to it, by way of a copy of nothing, 1 % of a call.
      if buffer.capacity == 0 { buffer.clear(minimumCapacity: limit) }
      _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { bytes in
        guard let start = bytes.baseAddress else { return 0 }
        return protobuf_c_message_pack(message, start.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  /// Lays a message out and passes it to the closure that packs it, with the most bytes that packing writes.
  @inline(__always)
  private func encode(
    _ write: (MessageWriter) -> Void,
    _ pack: (UnsafePointer<ProtobufCMessage>, _ limit: Int, inout EncodingArena) -> Void
  ) throws(ProtobufEncodingError) {
    try withUnsafeTemporaryAllocation(
      byteCount: Self.stackBlock,
      alignment: 16
    ) { (block) throws(ProtobufEncodingError) in
      var arena = EncodingArena(block)
      defer { arena.deallocateBlocks() }
      let message = withUnsafeMutablePointer(to: &arena) { arena in
        let writer = MessageWriter(self.layout, arena)
        write(writer)
        return UnsafePointer(writer.base.assumingMemoryBound(to: ProtobufCMessage.self))
      }
      if let failure = arena.failure {
        throw ProtobufEncodingError(reason: failure, message: self.layout.name.description)
      }
      let limit = try self.packedLimit(of: message, arena)
      if limit > 0 { pack(message, limit, &arena) }
    }
  }

  /// The most bytes that packing a message writes.
  ///
  /// What was added up while it was written is close enough for a small message, and for one that is mostly strings and
  /// bytes: the exact size costs libprotobuf-c nearly as much as packing.
  private func packedLimit(
    of message: UnsafePointer<ProtobufCMessage>,
    _ arena: EncodingArena
  ) throws(ProtobufEncodingError) -> Int {
    let limit = arena.payload &+ arena.overhead
    if limit <= Self.stackBlock || (arena.overhead <= arena.payload / 8 && limit <= Int32.max) {
      return limit
    }
    let byteCount = protobuf_c_message_get_packed_size(message)
    guard byteCount <= Int32.max else {
      throw ProtobufEncodingError(reason: .tooLarge, message: self.layout.name.description)
    }
    return byteCount
  }
}
