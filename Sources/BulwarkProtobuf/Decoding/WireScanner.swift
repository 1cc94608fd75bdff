/// Checks a message before libprotobuf-c sees it, and adds up the memory that unpacking it takes. A plain message it
/// lays out as it goes, as libprotobuf-c would, but that strings and bytes stay where they came.
///
/// libprotobuf-c bounds neither nesting nor memory, takes strings that are not UTF-8, and refuses some messages
/// that the specification accepts. After a scan its input is known to be well-formed, shallow enough, and either
/// regular, which means that libprotobuf-c decodes it as the specification asks, or in need of ``WireNormalizer``.
struct WireScanner {
  private let maximumDepth: Int
  private let expectsEnvelopes: Bool

  /// The memory that unpacking takes: never less than what libprotobuf-c asks for.
  private(set) var memory = 0

  /// Whether the message has something in it that libprotobuf-c refuses or decodes in its own way.
  private(set) var isIrregular = false

  /// Whether the message can be laid out by the scan: its fields, and those of the messages below it, are known, none
  /// of them is a list of numbers, and the elements of each other list stand together.
  private(set) var isPlain = true

  /// Where the message is laid out, as long as it is plain.
  private(set) var layout: PlainLayout

  /// Starts a scan.
  ///
  /// - Parameters:
  ///   - expectsEnvelopes: whether the message comes from the normalizer, which wraps what libprotobuf-c refuses.
  ///   - layout: the memory to lay a plain message out in.
  init(maximumDepth: Int, expectsEnvelopes: Bool, layout: PlainLayout) {
    self.maximumDepth = maximumDepth
    self.expectsEnvelopes = expectsEnvelopes
    self.layout = layout
  }

  /// Scans the outermost message.
  ///
  /// - Returns: the message as it was laid out, which is all of it only if it is plain and regular and its layout whole.
  mutating func scan(
    _ bytes: UnsafeBufferPointer<UInt8>,
    as message: UnsafePointer<ScanTable>
  ) throws(ProtobufDecodingError) -> UnsafeRawPointer? {
    if let start = bytes.baseAddress {
      return UnsafeRawPointer(
        try self.scan(WireCursor(at: start, end: start + bytes.count), as: message, depth: 0)
      )
    }
    self.memory = message.pointee.memory
    return UnsafeRawPointer(self.layout.message(message.pointee.byteCount))
  }

  /// Scans a message. Recursion is bounded by the depth limit.
  private mutating func scan(
    _ bytes: WireCursor,
    as message: UnsafePointer<ScanTable>,
    depth: Int
  ) throws(ProtobufDecodingError) -> UnsafeMutableRawPointer? {
    let target = self.layout.message(message.pointee.byteCount)
    var cursor = bytes
    var memberCount = 0
    var singularSeen: UInt64 = 0
    self.memory &+= message.pointee.memory
    while !cursor.isAtEnd {
      let start = cursor
      if let rule = ScanTable.rule(forTag: cursor.nextByte, in: message), !rule.pointee.isRepeated {
        // Nearly every field of nearly every message.
        cursor.skipByte()
        let nested: WireCursor?
        do throws(WireFault) {
          nested = try self.scanSingular(&cursor, rule, target)
        } catch {
          throw Self.error(error, at: start, in: message)
        }
        memberCount &+= 1
        if let nested {
          try self.scan(nested, start, rule, in: message, target, &singularSeen, depth: depth)
        }
      } else {
        var rest = cursor
        memberCount &+= try self.scanField(&rest, in: message, target, &singularSeen, depth: depth)
        cursor = rest
      }
    }
    self.memory &+= UnpackedMemory.members(memberCount)
    return target
  }

  /// Scans a field of any kind, and the elements of a repeated one that follow it.
  ///
  /// - Returns: how many fields it was.
  @inline(never)
  private mutating func scanField(
    _ cursor: inout WireCursor,
    in message: UnsafePointer<ScanTable>,
    _ target: UnsafeMutableRawPointer?,
    _ singularSeen: inout UInt64,
    depth: Int
  ) throws(ProtobufDecodingError) -> Int {
    let start = cursor
    let rule: UnsafePointer<FieldRule>
    let nested: WireCursor?
    do throws(WireFault) {
      let tag = try cursor.readTag()
      let known = ScanTable.rule(for: tag.number, in: message)
      guard let known, known.pointee.accepts(tag.type) else {
        try self.scanUnknown(&cursor, tag, in: message, isKnown: known != nil, depth: depth)
        return 1
      }
      rule = known
      if !rule.pointee.isRepeated {
        nested = try self.scanSingular(&cursor, rule, target)
      } else {
        switch rule.pointee.storage {
        case .bytes, .string:
          return try self.scanElements(&cursor, rule, tag: start.up(to: cursor), target)
        case .message:
          nested = nil
        default:
          self.stopLayingOut()
          try self.scanNumbers(&cursor, tag.type, rule)
          return 1
        }
      }
    } catch {
      throw Self.error(error, at: start, in: message)
    }
    if rule.pointee.isRepeated {
      return try self.scanMessages(
        &cursor,
        rule,
        tag: start.up(to: cursor),
        in: message,
        target,
        depth: depth
      )
    }
    if let nested {
      try self.scan(nested, start, rule, in: message, target, &singularSeen, depth: depth)
    }
    return 1
  }

  private mutating func stopLayingOut() {
    self.isPlain = false
    self.layout.abandon()
  }

  /// Says where a fault is: in the field that begins at the cursor, or in no field if there is no tag.
  @inline(never)
  private static func error(
    _ fault: WireFault,
    at start: WireCursor,
    in message: UnsafePointer<ScanTable>
  ) -> ProtobufDecodingError {
    var start = start
    guard let tag = try? start.readTag() else {
      return ProtobufDecodingError(fault.reason, message: message.pointee.name)
    }
    let rule = ScanTable.rule(for: tag.number, in: message)
    let field = rule?.pointee.name.description ?? "#\(tag.number)"
    return ProtobufDecodingError(fault.reason, message: message.pointee.name, field: field)
  }
}

// MARK: - Singular fields

extension WireScanner {
  /// Scans the payload of a singular field, and stores its value if its message is laid out.
  ///
  /// - Returns: the payload if it is a message, which is left to the caller.
  @inline(__always)
  private mutating func scanSingular(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    _ target: UnsafeMutableRawPointer?
  ) throws(WireFault) -> WireCursor? {
    guard let target else { return try self.skip(&cursor, rule) }
    return try self.store(&cursor, rule, in: target)
  }

  /// Scans the payload of a singular field, and stores its value in the message.
  ///
  /// - Returns: the payload if it is a message, which is left to the caller.
  @inline(__always)
  private mutating func store(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    in target: UnsafeMutableRawPointer
  ) throws(WireFault) -> WireCursor? {
    if rule.pointee.presencePlace != 0 {
      target.storeBytes(
        of: rule.pointee.presenceValue,
        toByteOffset: rule.pointee.presencePlace,
        as: UInt32.self
      )
    }
    let place = target + rule.pointee.offset
    switch rule.pointee.storage {
    case .varint32:
      place.storeBytes(of: UInt32(truncatingIfNeeded: try cursor.readVarint()), as: UInt32.self)
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
      self.memory &+= UnpackedMemory.block(payload.remaining)
      place.storeBytes(of: payload.data, as: BinaryData.self)
    case .string:
      let payload = try cursor.readDelimited()
      guard payload.isUTF8 else { throw .invalidUTF8 }
      self.memory &+= UnpackedMemory.block(payload.remaining)
      place.storeBytes(of: payload.data, as: BinaryData.self)
    case .message:
      return try cursor.readDelimited()
    }
    return nil
  }

  /// Scans the payload of a singular field in a message that is not laid out.
  ///
  /// - Returns: the payload if it is a message, which is left to the caller.
  @inline(__always)
  private mutating func skip(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>
  ) throws(WireFault) -> WireCursor? {
    switch rule.pointee.wireType {
    case .varint: try cursor.skipVarint()
    case .fixed64: try cursor.skip(8)
    case .fixed32: try cursor.skip(4)
    case .lengthDelimited:
      let payload = try cursor.readDelimited()
      if rule.pointee.storage == .message { return payload }
      guard rule.pointee.storage != .string || payload.isUTF8 else { throw .invalidUTF8 }
      self.memory &+= UnpackedMemory.block(payload.remaining)
    case .startGroup, .endGroup:
      throw .malformed
    }
    return nil
  }

  /// Scans a singular field's message, of which the payload was read.
  @inline(__always)
  private mutating func scan(
    _ nested: WireCursor,
    _ start: WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    in message: UnsafePointer<ScanTable>,
    _ target: UnsafeMutableRawPointer?,
    _ singularSeen: inout UInt64,
    depth: Int
  ) throws(ProtobufDecodingError) {
    guard depth < self.maximumDepth else { throw Self.error(.tooDeep, at: start, in: message) }
    guard let table = rule.pointee.message else { throw Self.error(.malformed, at: start, in: message) }
    if singularSeen & rule.pointee.singularBit != 0 { self.isIrregular = true }
    singularSeen |= rule.pointee.singularBit
    let laidOut = try self.scan(nested, as: table, depth: depth &+ 1)
    target?.storeBytes(of: laidOut, toByteOffset: rule.pointee.offset, as: UnsafeMutableRawPointer?.self)
  }
}

// MARK: - Repeated fields

extension WireScanner {
  /// Scans the elements of a list of strings or bytes that stand together, of which the first tag was read.
  ///
  /// - Returns: how many there are.
  private mutating func scanElements(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    tag: WireCursor,
    _ target: UnsafeMutableRawPointer?
  ) throws(WireFault) -> Int {
    let isText = rule.pointee.storage == .string
    let elementMemory = rule.pointee.elementMemory
    // Copies, which stay in registers. Nothing else is laid out between the elements, so that they lie one behind the
    // other.
    var here = cursor
    var layout = self.layout
    let elements = layout.next
    var payloads = 0
    var count = 0
    repeat {
      let payload = try here.readDelimited()
      guard !isText || payload.isUTF8 else { throw .invalidUTF8 }
      payloads &+= UnpackedMemory.block(payload.remaining)
      count &+= 1
      layout.allocate(elementMemory)?.storeBytes(of: payload.data, as: BinaryData.self)
    } while here.skip(tag)
    cursor = here
    self.layout = layout
    self.memory &+= payloads &+ count &* elementMemory
    self.store(elements, count, rule, in: target)
    return count
  }

  /// Scans the elements of a list of messages that stand together, of which the first tag was read.
  ///
  /// - Returns: how many there are.
  private mutating func scanMessages(
    _ cursor: inout WireCursor,
    _ rule: UnsafePointer<FieldRule>,
    tag: WireCursor,
    in message: UnsafePointer<ScanTable>,
    _ target: UnsafeMutableRawPointer?,
    depth: Int
  ) throws(ProtobufDecodingError) -> Int {
    guard let table = rule.pointee.message else { throw Self.error(.malformed, at: tag, in: message) }
    let elementCount = cursor.elementCount(tag)
    let elements = self.layout.allocate(elementCount &* rule.pointee.elementMemory)
    self.store(elements, elementCount, rule, in: target)
    var count = 0
    repeat {
      let payload: WireCursor
      do throws(WireFault) {
        payload = try cursor.readDelimited()
        guard depth < self.maximumDepth else { throw .tooDeep }
      } catch {
        throw Self.error(error, at: tag, in: message)
      }
      self.memory &+= rule.pointee.elementMemory
      let laidOut = try self.scan(payload, as: table, depth: depth &+ 1)
      elements?.storeBytes(of: laidOut, toByteOffset: count &* 8, as: UnsafeMutableRawPointer?.self)
      count &+= 1
    } while cursor.skip(tag)
    return count
  }

  /// Stores where the elements of a list are, if its message is laid out.
  private mutating func store(
    _ elements: UnsafeMutableRawPointer?,
    _ count: Int,
    _ rule: UnsafePointer<FieldRule>,
    in target: UnsafeMutableRawPointer?
  ) {
    guard let target, let elements else { return }
    guard target.load(fromByteOffset: rule.pointee.offset, as: Int.self) == 0 else {
      // Elements that other fields stand between would have to be moved together.
      return self.stopLayingOut()
    }
    target.storeBytes(of: count, toByteOffset: rule.pointee.offset, as: Int.self)
    target.storeBytes(of: elements, toByteOffset: rule.pointee.offset + 8, as: UnsafeMutableRawPointer.self)
  }

  /// Scans one element of a list of numbers, or many that are packed.
  private mutating func scanNumbers(
    _ cursor: inout WireCursor,
    _ type: WireType,
    _ rule: UnsafePointer<FieldRule>
  ) throws(WireFault) {
    let elementMemory = rule.pointee.elementMemory
    switch type {
    case .varint: try cursor.skipVarint()
    case .fixed64: try cursor.skip(8)
    case .fixed32: try cursor.skip(4)
    case .lengthDelimited:
      guard case .packed(let element) = rule.pointee.payload else { throw .malformed }
      return try self.scanPacked(try cursor.readDelimited(), element, elementMemory)
    case .startGroup, .endGroup: throw .malformed
    }
    self.memory &+= elementMemory
  }

  @inline(never)
  private mutating func scanPacked(
    _ payload: WireCursor,
    _ element: FieldRule.PackedElement,
    _ elementMemory: Int
  ) throws(WireFault) {
    var payload = payload
    switch element {
    case .fixed:
      guard payload.remaining % elementMemory == 0 else { throw .malformed }
      self.memory &+= payload.remaining
    case .varint:
      while !payload.isAtEnd {
        try payload.skipVarint()
        self.memory &+= elementMemory
      }
    case .boolean:
      // libprotobuf-c reads each byte as one element, and takes none but 0 and 1.
      while !payload.isAtEnd {
        if payload.at.pointee > 1 { self.isIrregular = true }
        try payload.skipVarint()
        self.memory &+= elementMemory
      }
    }
  }
}

// MARK: - Unknown fields

extension WireScanner {
  /// Scans a field that the schema does not know, or knows with another wire type.
  @inline(never)
  private mutating func scanUnknown(
    _ cursor: inout WireCursor,
    _ tag: WireTag,
    in message: UnsafePointer<ScanTable>,
    isKnown: Bool,
    depth: Int
  ) throws(WireFault) {
    let start = cursor.at
    self.stopLayingOut()
    try cursor.skipPayload(of: tag, remainingDepth: self.maximumDepth - depth)
    let isForeignEnvelope = tag.number == WireTag.envelope.number && !self.expectsEnvelopes
    if isKnown || tag.type == .startGroup || isForeignEnvelope || message.pointee.isMapEntry {
      self.isIrregular = true
    }
    self.memory &+= UnpackedMemory.unknownField(byteCount: cursor.at - start)
  }
}

extension WireFault {
  fileprivate var reason: ProtobufDecodingError.Reason {
    switch self {
    case .truncated: .truncated
    case .malformed: .malformed
    case .invalidUTF8: .invalidUTF8
    case .tooDeep: .tooDeep
    }
  }
}
