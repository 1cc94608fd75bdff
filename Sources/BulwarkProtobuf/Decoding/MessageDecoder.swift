import CProtobufC

/// The way from bytes to a message: scan, normalize if need be, unpack into one block, copy out, free.
struct MessageDecoder<Message: ProtobufMessage> {
  private let layout = Message.protobufLayout
  private let limits: ProtobufDecodingLimits
  private let memoryLimit: Int

  init(limits: ProtobufDecodingLimits, wireByteCount: Int) {
    self.limits = limits
    self.memoryLimit = limits.memory(forWireBytes: wireByteCount)
  }

  func decode(_ bytes: UnsafeBufferPointer<UInt8>) throws(ProtobufDecodingError) -> Message {
    guard bytes.count <= Int32.max else { throw ProtobufDecodingError(.tooLarge, message: self.layout.name) }
    let scanner = try self.scan(bytes, expectsEnvelopes: false)
    guard scanner.isIrregular, let start = bytes.baseAddress else {
      return try self.unpack(bytes, memory: scanner.memory)
    }
    let normalized: [UInt8]
    do throws(WireFault) {
      let cursor = WireCursor(at: start, end: start + bytes.count)
      normalized = try WireNormalizer.normalize(cursor, as: self.layout.scanTable)
    } catch {
      throw ProtobufDecodingError(.malformed, message: self.layout.name)
    }
    return try normalized.withUnsafeBufferPointer { (bytes) throws(ProtobufDecodingError) -> Message in
      try self.unpack(bytes, memory: try self.scan(bytes, expectsEnvelopes: true).memory)
    }
  }

  private func scan(
    _ bytes: UnsafeBufferPointer<UInt8>,
    expectsEnvelopes: Bool
  ) throws(ProtobufDecodingError) -> WireScanner {
    var scanner = WireScanner(maximumDepth: self.limits.maximumDepth, expectsEnvelopes: expectsEnvelopes)
    try scanner.scan(bytes, as: self.layout.scanTable)
    guard scanner.memory <= self.memoryLimit else {
      throw ProtobufDecodingError(.memoryLimitExceeded, message: self.layout.name)
    }
    return scanner
  }

  /// Has libprotobuf-c unpack a scanned message into one block of memory: on the stack if it is small.
  private func unpack(
    _ bytes: UnsafeBufferPointer<UInt8>,
    memory: Int
  ) throws(ProtobufDecodingError) -> Message {
    try withUnsafeTemporaryAllocation(
      byteCount: memory,
      alignment: UnpackedMemory.alignment
    ) { (block) throws(ProtobufDecodingError) -> Message in
      var arena = UnpackingArena(block)
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
        // The scan has ruled out everything else that libprotobuf-c refuses.
        throw ProtobufDecodingError(.memoryLimitExceeded, message: self.layout.name)
      }
      return try Message(reading: MessageReader(UnsafeRawPointer(unpacked)))
    }
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

  mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let size = UnpackedMemory.block(byteCount)
    guard let start = self.next, size <= self.remaining else { return nil }
    self.next = start + size
    self.remaining -= size
    return start
  }
}
