/// How a field's payload is delimited (https://protobuf.dev/programming-guides/encoding/#structure).
enum WireType: UInt8 {
  case varint = 0
  case fixed64 = 1
  case lengthDelimited = 2
  case startGroup = 3
  case endGroup = 4
  case fixed32 = 5
}

/// The number of a field and how its payload is delimited.
struct WireTag {
  /// The field that the implementation reserves for itself: no schema may use the number
  /// (https://protobuf.dev/programming-guides/proto3/#assigning). Fields that libprotobuf-c would refuse are
  /// passed through it inside a field of this number.
  static let envelope = WireTag(number: 19_000, type: .lengthDelimited)

  let number: UInt32
  let type: WireType

  /// The tag as it is written, before it becomes a varint.
  var rawValue: UInt64 { UInt64(self.number) << 3 | UInt64(self.type.rawValue) }
}

/// What keeps a field from being read; the scanner adds where it happened.
enum WireFault: Error {
  case truncated
  case malformed
  case invalidUTF8
  case tooDeep
}

/// Reads the wire format from memory, and never past its end.
///
/// It does not own the memory: whoever makes one keeps the memory alive while it is used.
struct WireCursor {
  private(set) var at: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>

  @inline(__always)
  init(at: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
    self.at = at
    self.end = end
  }

  @inline(__always)
  var isAtEnd: Bool { self.at == self.end }

  @inline(__always)
  var remaining: Int { self.end - self.at }

  /// Reads a tag: at most 5 bytes, at most 32 bits, a field number that is not zero, a wire type that exists.
  @inline(__always)
  mutating func readTag() throws(WireFault) -> WireTag {
    let raw = try self.readVarint(maximumBytes: 5)
    guard raw <= UInt64(UInt32.max), raw >= 8, let type = WireType(rawValue: UInt8(raw & 7)) else {
      throw .malformed
    }
    return WireTag(number: UInt32(truncatingIfNeeded: raw >> 3), type: type)
  }

  /// The next byte; only before the end.
  @inline(__always)
  var nextByte: UInt8 { self.at.pointee }

  /// Goes on behind the next byte; only before the end.
  @inline(__always)
  mutating func skipByte() { self.at += 1 }

  /// Reads a length and returns what it delimits: at most 5 bytes of length, at most 2 GiB.
  @inline(__always)
  mutating func readDelimited() throws(WireFault) -> WireCursor {
    let length = try self.readVarint(maximumBytes: 5)
    guard length <= UInt64(Int32.max) else { throw .malformed }
    guard Int(length) <= self.remaining else { throw .truncated }
    let start = self.at
    self.at += Int(length)
    return WireCursor(at: start, end: self.at)
  }

  /// Goes on behind a tag if it comes next, byte by byte the same.
  @inline(__always)
  mutating func skip(_ tag: WireCursor) -> Bool {
    let length = tag.remaining
    guard length <= self.remaining, self.at.pointee == tag.at.pointee else { return false }
    if length > 1 {
      for index in 1..<length where self.at[index] != tag.at[index] { return false }
    }
    self.at += length
    return true
  }

  /// How many length-delimited fields come next that have the tag, of which the first was read; those up to a fault.
  func elementCount(_ tag: WireCursor) -> Int {
    var ahead = self
    var count = 0
    repeat {
      guard (try? ahead.readDelimited()) != nil else { break }
      count &+= 1
    } while ahead.skip(tag)
    return count
  }

  /// What was read between this cursor and a later one.
  @inline(__always)
  func up(to later: WireCursor) -> WireCursor { WireCursor(at: self.at, end: later.at) }

  /// What remains, where it is.
  @inline(__always)
  var data: BinaryData { BinaryData(count: self.remaining, start: self.at) }

  /// Whether what remains is UTF-8 without overlong forms and surrogates.
  var isUTF8: Bool {
    let bytes = UnsafeBufferPointer(start: self.at, count: self.remaining)
    return (try? UTF8Span(validating: bytes.span)) != nil
  }

  /// Reads a varint of at most 10 bytes, of which the lower 64 bits count.
  @inline(__always)
  mutating func readVarint() throws(WireFault) -> UInt64 {
    try self.readVarint(maximumBytes: 10)
  }

  @inline(__always)
  private mutating func readVarint(maximumBytes: Int) throws(WireFault) -> UInt64 {
    guard self.at < self.end else { throw .truncated }
    let first = UInt64(self.at.pointee)
    if first < 0x80 {
      self.at += 1
      return first
    }
    if self.remaining > 1, self.at[1] < 0x80 {
      let value = first & 0x7f | UInt64(self.at[1]) &<< 7
      self.at += 2
      return value
    }
    let (value, end) = try Self.readLongVarint(from: self.at, to: self.end, maximumBytes: maximumBytes)
    self.at = end
    return value
  }

  /// Reads a varint as a boolean: whether any of its bits is set, those above the 64th included.
  @inline(__always)
  mutating func readBoolean() throws(WireFault) -> Bool {
    let start = self.at
    try self.skipVarint()
    return UnsafeBufferPointer(start: start, count: self.at - start).contains { $0 & 0x7f != 0 }
  }

  /// Reads a number of fixed size.
  @inline(__always)
  mutating func readFixed<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type
  ) throws(WireFault) -> Value {
    let start = UnsafeRawPointer(self.at)
    try self.skip(MemoryLayout<Value>.size)
    return Value(littleEndian: start.loadUnaligned(as: type))
  }

  /// Skips a varint of at most 10 bytes.
  @inline(__always)
  mutating func skipVarint() throws(WireFault) {
    if self.at < self.end, self.at.pointee < 0x80 {
      self.at += 1
    } else {
      self.at = try Self.endOfLongVarint(from: self.at, to: self.end)
    }
  }

  @inline(__always)
  mutating func skip(_ byteCount: Int) throws(WireFault) {
    guard byteCount <= self.remaining else { throw .truncated }
    self.at += byteCount
  }

  /// Skips the payload of a field whose tag was read, groups with all that is in them included.
  @inline(never)
  mutating func skipPayload(of tag: WireTag, remainingDepth: Int) throws(WireFault) {
    switch tag.type {
    case .varint: try self.skipVarint()
    case .fixed64: try self.skip(8)
    case .lengthDelimited: _ = try self.readDelimited()
    case .fixed32: try self.skip(4)
    case .startGroup: try self.skipGroup(number: tag.number, remainingDepth: remainingDepth)
    case .endGroup: throw .malformed
    }
  }

  private mutating func skipGroup(number: UInt32, remainingDepth: Int) throws(WireFault) {
    guard remainingDepth > 0 else { throw .tooDeep }
    while true {
      let tag = try self.readTag()
      if tag.type == .endGroup {
        guard tag.number == number else { throw .malformed }
        return
      }
      try self.skipPayload(of: tag, remainingDepth: remainingDepth - 1)
    }
  }

  @inline(never)
  private static func endOfLongVarint(
    from start: UnsafePointer<UInt8>,
    to end: UnsafePointer<UInt8>
  ) throws(WireFault) -> UnsafePointer<UInt8> {
    let limit = min(10, end - start)
    for length in 0..<limit where start[length] < 0x80 { return start + length + 1 }
    throw limit == 10 ? .malformed : .truncated
  }

  /// Reads a varint, and says where it ends. Static, so that a cursor that is read from can stay in registers.
  @inline(never)
  private static func readLongVarint(
    from start: UnsafePointer<UInt8>,
    to end: UnsafePointer<UInt8>,
    maximumBytes: Int
  ) throws(WireFault) -> (value: UInt64, end: UnsafePointer<UInt8>) {
    var at = start
    var value: UInt64 = 0
    for index in 0..<maximumBytes {
      guard at < end else { throw .truncated }
      let byte = UInt64(at.pointee)
      at += 1
      value |= (byte & 0x7f) &<< UInt64(index &* 7)
      if byte < 0x80 { return (value, at) }
    }
    throw .malformed
  }
}
