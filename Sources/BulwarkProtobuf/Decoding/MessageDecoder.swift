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
    var scanner = WireScanner(
      maximumDepth: self.limits.boundedDepth,
      expectsEnvelopes: false,
      layout: PlainLayout(block)
    )
    let message = try scanner.scan(bytes, as: self.layout.scanTable)
    guard scanner.memory <= memoryLimit else { throw self.memoryLimitExceeded }
    if scanner.isIrregular {
      return try self.unpackIrregular(bytes, into: block, memoryLimit)
    }
    if scanner.isPlain {
      if scanner.layout.isWhole, let message {
        return UnpackedMessage(ownBlock: nil, message: message)
      }
      if let unpacked = self.layOut(bytes, memory: scanner.layout.needed) { return unpacked }
    }
    return try self.unpack(bytes, into: block, memory: scanner.memory)
  }

  /// Lays out a message that was scanned and found plain and regular, in a block of the size that the scan found.
  ///
  /// - Returns: nil if a list turns out to be scattered, which is not seen while nothing is laid out.
  @inline(never)
  private func layOut(_ bytes: UnsafeBufferPointer<UInt8>, memory: Int) -> UnpackedMessage? {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: memory, alignment: UnpackedMemory.alignment)
    var scanner = WireScanner(
      maximumDepth: self.limits.boundedDepth,
      expectsEnvelopes: false,
      layout: PlainLayout(block)
    )
    guard let message = try? scanner.scan(bytes, as: self.layout.scanTable), scanner.isPlain,
      scanner.layout.isWhole
    else {
      block.deallocate()
      return nil
    }
    return UnpackedMessage(ownBlock: block, message: message)
  }

  private var memoryLimitExceeded: ProtobufDecodingError {
    ProtobufDecodingError(.memoryLimitExceeded, message: self.layout.name)
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
      // By libprotobuf-c, whose result does not refer to the bytes: these here are gone before it is read.
      var scanner = WireScanner(
        maximumDepth: self.limits.boundedDepth,
        expectsEnvelopes: true,
        layout: PlainLayout()
      )
      _ = try scanner.scan(bytes, as: self.layout.scanTable)
      guard scanner.memory <= memoryLimit else { throw self.memoryLimitExceeded }
      return try self.unpack(bytes, into: block, memory: scanner.memory)
    }
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
      throw self.memoryLimitExceeded
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
