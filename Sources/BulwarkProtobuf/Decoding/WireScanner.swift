/// Checks a message before libprotobuf-c sees it, and adds up the memory that unpacking it takes.
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

  /// Whether all fields of the message and of those below it are singular and known to the schema.
  private(set) var isPlain = true

  /// Starts a scan.
  ///
  /// - Parameter expectsEnvelopes: whether the message comes from the normalizer, which wraps what
  ///   libprotobuf-c refuses.
  init(maximumDepth: Int, expectsEnvelopes: Bool = false) {
    self.maximumDepth = maximumDepth
    self.expectsEnvelopes = expectsEnvelopes
  }

  /// Scans the outermost message.
  mutating func scan(
    _ bytes: UnsafeBufferPointer<UInt8>,
    as message: UnsafePointer<ScanTable>
  ) throws(ProtobufDecodingError) {
    if let start = bytes.baseAddress {
      try self.scan(WireCursor(at: start, end: start + bytes.count), as: message, depth: 0)
    } else {
      self.memory = message.pointee.memory
    }
  }

  /// Scans a message. Recursion is bounded by the depth limit.
  private mutating func scan(
    _ bytes: WireCursor,
    as message: UnsafePointer<ScanTable>,
    depth: Int
  ) throws(ProtobufDecodingError) {
    var cursor = bytes
    var memberCount = 0
    var singularSeen: UInt64 = 0
    self.memory &+= message.pointee.memory
    while !cursor.isAtEnd {
      var number: UInt32 = 0
      var rule = ScanTable.rule(forTag: cursor.nextByte, in: message)
      let nested: WireCursor?
      do throws(WireFault) {
        if let rule {
          number = rule.pointee.number
          cursor.skipByte()
          nested = try self.scanKnown(&cursor, rule.pointee.wireType, rule)
        } else {
          let tag = try cursor.readTag()
          number = tag.number
          rule = ScanTable.rule(for: number, in: message)
          if let rule, rule.pointee.accepts(tag.type) {
            nested = try self.scanKnown(&cursor, tag.type, rule)
          } else {
            nested = nil
            try self.scanUnknown(&cursor, tag, in: message, isKnown: rule != nil, depth: depth)
          }
        }
        if nested != nil, depth >= self.maximumDepth { throw .tooDeep }
      } catch {
        throw Self.error(error, number, in: message)
      }
      memberCount &+= 1
      if let nested, let rule, let table = rule.pointee.message {
        if singularSeen & rule.pointee.singularBit != 0 { self.isIrregular = true }
        singularSeen |= rule.pointee.singularBit
        try self.scan(nested, as: table, depth: depth &+ 1)
      }
    }
    self.memory &+= UnpackedMemory.members(memberCount)
  }

  /// Says where a fault is; field number 0 is that of no field.
  @inline(never)
  private static func error(
    _ fault: WireFault,
    _ number: UInt32,
    in message: UnsafePointer<ScanTable>
  ) -> ProtobufDecodingError {
    let rule = ScanTable.rule(for: number, in: message)
    let field = rule?.pointee.name.description ?? (number == 0 ? nil : "#\(number)")
    return ProtobufDecodingError(fault.reason, message: message.pointee.name, field: field)
  }

  /// Scans the payload of a known field whose wire type is right.
  ///
  /// - Returns: the payload if it is a message, which is left to the caller.
  @inline(__always)
  private mutating func scanKnown(
    _ cursor: inout WireCursor,
    _ type: WireType,
    _ rule: UnsafePointer<FieldRule>
  ) throws(WireFault) -> WireCursor? {
    // Zero for a singular field, which has its place in the message already.
    let elementMemory = rule.pointee.elementMemory
    if elementMemory != 0 { self.isPlain = false }
    switch type {
    case .varint:
      try cursor.skipVarint()
      self.memory &+= elementMemory
    case .fixed64:
      try cursor.skip(8)
      self.memory &+= elementMemory
    case .fixed32:
      try cursor.skip(4)
      self.memory &+= elementMemory
    case .lengthDelimited:
      let payload = try cursor.readDelimited()
      switch rule.pointee.payload {
      case .bytes:
        self.memory &+= elementMemory &+ UnpackedMemory.block(payload.remaining)
      case .string:
        guard payload.isUTF8 else { throw .invalidUTF8 }
        self.memory &+= elementMemory &+ UnpackedMemory.block(payload.remaining)
      case .message:
        self.memory &+= elementMemory
        return payload
      case .packed(let element):
        try self.scanPacked(payload, element, elementMemory)
      }
    case .startGroup, .endGroup:
      throw .malformed
    }
    return nil
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
    self.isPlain = false
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
