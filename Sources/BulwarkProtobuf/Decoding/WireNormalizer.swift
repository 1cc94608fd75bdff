/// Rewrites a message that libprotobuf-c would refuse, or decode in its own way, so that what it makes of it is
/// what the specification asks for.
///
/// - A group, and a field whose wire type is not the schema's, is wrapped whole into an envelope, a field that no
///   schema can have: it passes as an unknown field, and ``MessageReader`` unwraps it.
/// - A singular message that comes several times becomes one whose bytes are all of theirs, which is how the
///   specification defines merging. (libprotobuf-c loses unknown fields, and does not merge inside a oneof.)
/// - Packed booleans become one byte each.
/// - A map entry with a field that is neither key nor value is wrapped too: a dictionary could not keep the field.
///
/// Only irregular messages come here. Each level copies what is below it once; depth is bounded by the scan, which
/// has also found every field well-formed.
enum WireNormalizer {
  /// Rewrites a scanned message.
  static func normalize(
    _ bytes: UnsafeBufferPointer<UInt8>,
    as message: UnsafePointer<ScanTable>
  ) throws(WireFault) -> [UInt8] {
    guard let start = bytes.baseAddress else { return [] }
    return try Self.normalize(WireCursor(at: start, end: start + bytes.count), as: message)
  }

  private static func normalize(
    _ bytes: WireCursor,
    as message: UnsafePointer<ScanTable>
  ) throws(WireFault) -> [UInt8] {
    var output: [UInt8] = []
    var merged: [PendingMessage] = []
    var cursor = bytes
    while !cursor.isAtEnd {
      let start = cursor.at
      let tag = try cursor.readTag()
      let rule = ScanTable.rule(for: tag.number, in: message)
      var payload = cursor
      try cursor.skipPayload(of: tag, remainingDepth: .max)
      let whole = UnsafeBufferPointer(start: start, count: cursor.at - start)
      guard let rule, rule.pointee.accepts(tag.type) else {
        if rule != nil || tag.type == .startGroup || tag.number == WireTag.envelope.number {
          output.append(delimited: whole, tag: .envelope)
        } else {
          output.append(contentsOf: whole)
        }
        continue
      }
      if let oneof = rule.pointee.oneof {
        merged.removeAll { $0.oneof == oneof && $0.tag.number != tag.number }
      }
      switch rule.pointee.payload {
      case .message:
        let nested = try payload.readDelimited()
        guard let table = rule.pointee.message else { throw .malformed }
        if table.pointee.isMapEntry, try Self.hasUnknownFields(nested, as: table) {
          output.append(delimited: whole, tag: .envelope)
        } else if rule.pointee.isRepeated {
          output.append(delimited: try Self.normalize(nested, as: table), tag: tag)
        } else {
          merged.append(nested, tag: tag, rule: rule)
        }
      case .packed(.boolean) where tag.type == .lengthDelimited:
        output.append(delimited: try Self.booleans(in: payload.readDelimited()), tag: tag)
      case .packed, .bytes, .string:
        output.append(contentsOf: whole)
      }
    }
    for pending in merged {
      output.append(delimited: try pending.normalized(), tag: pending.tag)
    }
    return output
  }

  private static func hasUnknownFields(
    _ bytes: WireCursor,
    as message: UnsafePointer<ScanTable>
  ) throws(WireFault) -> Bool {
    var cursor = bytes
    while !cursor.isAtEnd {
      let tag = try cursor.readTag()
      guard let rule = ScanTable.rule(for: tag.number, in: message), rule.pointee.accepts(tag.type) else {
        return true
      }
      try cursor.skipPayload(of: tag, remainingDepth: .max)
    }
    return false
  }

  /// One byte, 0 or 1, for each varint.
  private static func booleans(in payload: WireCursor) throws(WireFault) -> [UInt8] {
    var values: [UInt8] = []
    var payload = payload
    while !payload.isAtEnd {
      values.append(try payload.readBoolean() ? 1 : 0)
    }
    return values
  }
}

/// A singular message field, of which more may come.
private struct PendingMessage {
  let tag: WireTag
  let oneof: Int?
  let table: UnsafePointer<ScanTable>
  var payload: [UInt8]

  func normalized() throws(WireFault) -> [UInt8] {
    try self.payload.withUnsafeBufferPointer { (bytes) throws(WireFault) in
      try WireNormalizer.normalize(bytes, as: self.table)
    }
  }
}

extension [PendingMessage] {
  fileprivate mutating func append(
    _ payload: WireCursor,
    tag: WireTag,
    rule: UnsafePointer<FieldRule>
  ) {
    guard let table = rule.pointee.message else { return }
    let bytes = UnsafeBufferPointer(start: payload.at, count: payload.remaining)
    if let index = self.firstIndex(where: { $0.tag.number == tag.number }) {
      self[index].payload.append(contentsOf: bytes)
    } else {
      self.append(
        PendingMessage(tag: tag, oneof: rule.pointee.oneof, table: table, payload: [UInt8](bytes))
      )
    }
  }
}

extension [UInt8] {
  /// Appends a value as a varint.
  mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      self.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    self.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends a length-delimited field.
  fileprivate mutating func append(delimited payload: some Collection<UInt8>, tag: WireTag) {
    self.append(varint: tag.rawValue)
    self.append(varint: UInt64(payload.count))
    self.append(contentsOf: payload)
  }
}
