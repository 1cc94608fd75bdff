/// Unpacks a plain message: one whose fields, and those of the messages below it, are all singular and known.
///
/// libprotobuf-c lists the members of a message before it stores the first, and copies all bytes. That is what it
/// takes to unpack any message; for a vote it is half the time of decoding. A plain message needs neither, and its
/// memory fits a block on the stack. It is laid out as libprotobuf-c would, but that strings and bytes stay where they
/// came. Everything else is left to libprotobuf-c.
struct PlainUnpacker {
  private var block: UnsafeMutableRawBufferPointer

  /// Unpacks a message that was scanned and found plain and regular. The result refers to the bytes and to the block.
  ///
  /// - Returns: nil if the block is too small.
  @inline(__always)
  static func unpack(
    _ bytes: UnsafeBufferPointer<UInt8>,
    as message: UnsafePointer<ScanTable>,
    into block: UnsafeMutableRawBufferPointer
  ) -> UnsafeRawPointer? {
    guard let start = bytes.baseAddress else { return nil }
    var unpacker = Self(block: block)
    return try? unpacker.unpack(WireCursor(at: start, end: start + bytes.count), as: message)
  }

  private init(block: UnsafeMutableRawBufferPointer) {
    self.block = block
  }

  /// Recursion is bounded by the scan, and by the block.
  private mutating func unpack(
    _ bytes: WireCursor,
    as message: UnsafePointer<ScanTable>
  ) throws(WireFault) -> UnsafeRawPointer {
    let memory = try self.allocate(message.pointee.byteCount)
    var cursor = bytes
    while !cursor.isAtEnd {
      let rule: UnsafePointer<FieldRule>
      if let known = ScanTable.rule(forTag: cursor.nextByte, in: message) {
        cursor.skipByte()
        rule = known
      } else if let known = ScanTable.rule(for: try cursor.readTag().number, in: message) {
        rule = known
      } else {
        throw .malformed
      }
      try self.store(&cursor, rule, in: memory)
      switch rule.pointee.presence {
      case .implicit: break
      case .explicit(let flag): memory.storeBytes(of: 1, toByteOffset: flag, as: UInt32.self)
      case .oneof(let place):
        memory.storeBytes(of: rule.pointee.number, toByteOffset: place, as: UInt32.self)
      case .repeated, .packed: throw .malformed
      }
    }
    return UnsafeRawPointer(memory)
  }

  /// Stores the value of a singular field.
  @inline(__always)
  private mutating func store(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    in memory: UnsafeMutableRawPointer
  ) throws(WireFault) {
    let place = memory + rule.pointee.offset
    switch rule.pointee.storage {
    case .varint32:
      let value = UInt32(truncatingIfNeeded: try cursor.readVarint())
      place.storeBytes(of: value, as: UInt32.self)
    case .varint64:
      place.storeBytes(of: try cursor.readVarint(), as: UInt64.self)
    case .zigzag32:
      let value = UInt32(truncatingIfNeeded: try cursor.readVarint())
      place.storeBytes(of: (value &>> 1) ^ (0 &- (value & 1)), as: UInt32.self)
    case .zigzag64:
      let value = try cursor.readVarint()
      place.storeBytes(of: (value &>> 1) ^ (0 &- (value & 1)), as: UInt64.self)
    case .boolean:
      place.storeBytes(of: try cursor.readBoolean() ? 1 : 0, as: UInt32.self)
    case .fixed32:
      place.storeBytes(of: try cursor.readFixed(UInt32.self), as: UInt32.self)
    case .fixed64:
      place.storeBytes(of: try cursor.readFixed(UInt64.self), as: UInt64.self)
    case .bytes:
      let payload = try cursor.readDelimited()
      place.storeBytes(of: BinaryData(count: payload.remaining, start: payload.at), as: BinaryData.self)
    case .message:
      guard let table = rule.pointee.message else { throw .malformed }
      place.storeBytes(of: try self.unpack(try cursor.readDelimited(), as: table), as: UnsafeRawPointer.self)
    }
  }

  /// Takes zeroed memory from the start of the block.
  @inline(__always)
  private mutating func allocate(_ byteCount: Int) throws(WireFault) -> UnsafeMutableRawPointer {
    guard let start = self.block.baseAddress, byteCount <= self.block.count else { throw .truncated }
    self.block = UnsafeMutableRawBufferPointer(rebasing: self.block[byteCount...])
    start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return start
  }
}
