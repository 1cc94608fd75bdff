import CProtobufC

/// The way from bytes to a message: scan, normalize if need be, unpack into one block of memory.
///
/// Only what depends on the type of the message is generic, and is compiled into the module that the type is in.
@usableFromInline
struct MessageDecoder {
  let layout: MessageLayout
  let limits: ProtobufDecodingLimits

  @usableFromInline
  init(_ layout: MessageLayout, limits: ProtobufDecodingLimits) {
    self.layout = layout
    self.limits = limits
  }

  /// The memory on the stack that most small messages need no more than.
  @inlinable
  static var stackBlock: Int { 1024 }

  /// Decodes into a message that has every field at its default; after a failure some fields are set.
  @inlinable
  func decode<Message: ProtobufMessage>(
    _ bytes: UnsafeBufferPointer<UInt8>,
    into message: inout Message
  ) -> Result<Void, ProtobufDecodingError> {
    Result { () throws(ProtobufDecodingError) in
      try withUnsafeTemporaryAllocation(
        byteCount: Self.stackBlock,
        alignment: 16
      ) { (block) throws(ProtobufDecodingError) in
        let unpacked = try self.unpack(bytes, into: block)
        defer { unpacked.ownBlock?.deallocate() }
        try message.read(from: MessageReader(unpacked.message))
      }
    }
  }

  /// Unpacks a message, into the block if it has room. The result refers to the bytes and to the block.
  @usableFromInline
  func unpack(
    _ bytes: UnsafeBufferPointer<UInt8>,
    into block: UnsafeMutableRawBufferPointer
  ) throws(ProtobufDecodingError) -> UnpackedMessage {
    guard bytes.count <= Int32.max else {
      throw ProtobufDecodingError(.tooLarge, message: self.layout.name)
    }
    let memoryLimit = self.limits.memory(forWireBytes: bytes.count)
    let scanner = try self.scan(bytes, expectsEnvelopes: false, memoryLimit)
    if scanner.isIrregular {
      return try self.unpackIrregular(bytes, into: block, memoryLimit)
    }
    if scanner.isPlain, let message = PlainUnpacker.unpack(bytes, as: self.layout.scanTable, into: block) {
      return UnpackedMessage(ownBlock: nil, message: message)
    }
    return try self.unpack(bytes, into: block, memory: scanner.memory)
  }

  @inline(never)
  private func unpackIrregular(
    _ bytes: UnsafeBufferPointer<UInt8>,
    into block: UnsafeMutableRawBufferPointer,
    _ memoryLimit: Int
  ) throws(ProtobufDecodingError) -> UnpackedMessage {
    let normalized: [UInt8]
    do throws(WireFault) {
      normalized = try WireNormalizer.normalize(bytes, as: self.layout.scanTable)
    } catch {
      throw ProtobufDecodingError(.malformed, message: self.layout.name)
    }
    return try normalized.withUnsafeBufferPointer { (bytes) throws(ProtobufDecodingError) in
      let scanner = try self.scan(bytes, expectsEnvelopes: true, memoryLimit)
      // By libprotobuf-c, whose result does not refer to the bytes: these here are gone before it is read.
      return try self.unpack(bytes, into: block, memory: scanner.memory)
    }
  }

  private func scan(
    _ bytes: UnsafeBufferPointer<UInt8>,
    expectsEnvelopes: Bool,
    _ memoryLimit: Int
  ) throws(ProtobufDecodingError) -> WireScanner {
    var scanner = WireScanner(maximumDepth: self.limits.boundedDepth, expectsEnvelopes: expectsEnvelopes)
    try scanner.scan(bytes, as: self.layout.scanTable)
    guard scanner.memory <= memoryLimit else {
      throw ProtobufDecodingError(.memoryLimitExceeded, message: self.layout.name)
    }
    return scanner
  }

  /// Has libprotobuf-c unpack a scanned message into the block, or into one of the size that the scan found.
  private func unpack(
    _ bytes: UnsafeBufferPointer<UInt8>,
    into block: UnsafeMutableRawBufferPointer,
    memory: Int
  ) throws(ProtobufDecodingError) -> UnpackedMessage {
    let ownBlock =
      memory > block.count
      ? UnsafeMutableRawBufferPointer.allocate(byteCount: memory, alignment: UnpackedMemory.alignment) : nil
    var arena = UnpackingArena(ownBlock ?? block)
    let unpacked = withUnsafeMutablePointer(to: &arena) { arena in
      var allocator = ProtobufCAllocator(
        alloc: { arena, byteCount in
          arena?.assumingMemoryBound(to: UnpackingArena.self).pointee.allocate(byteCount)
        },
        free: { _, _ in
          // The block is freed whole.
        },
        allocator_data: arena
      )
      return protobuf_c_message_unpack(
        self.layout.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self),
        &allocator,
        bytes.count,
        bytes.baseAddress
      )
    }
    guard let unpacked else {
      ownBlock?.deallocate()
      // The scan has ruled out everything else that libprotobuf-c refuses.
      throw ProtobufDecodingError(.memoryLimitExceeded, message: self.layout.name)
    }
    return UnpackedMessage(ownBlock: ownBlock, message: UnsafeRawPointer(unpacked))
  }
}

/// An unpacked message, in the memory that it lies in.
@frozen
@usableFromInline
struct UnpackedMessage {
  /// The block that was allocated because the caller's had no room.
  @usableFromInline
  let ownBlock: UnsafeMutableRawBufferPointer?
  @usableFromInline
  let message: UnsafeRawPointer

  init(ownBlock: UnsafeMutableRawBufferPointer?, message: UnsafeRawPointer) {
    self.ownBlock = ownBlock
    self.message = message
  }
}

/// Hands out a block of memory from its start to its end, and then nothing more.
private struct UnpackingArena {
  private var next: UnsafeMutableRawPointer?
  private var remaining: Int

  init(_ block: UnsafeMutableRawBufferPointer) {
    self.next = block.baseAddress
    self.remaining = block.count
  }

  @inline(__always)
  mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let size = UnpackedMemory.block(byteCount)
    guard let start = self.next, size <= self.remaining else { return nil }
    self.next = start + size
    self.remaining &-= size
    return start
  }
}
