/// Bytes as they go over the wire, written by hand.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func tag(_ number: UInt64, _ type: UInt64) -> [UInt8] { self.varint(number << 3 | type) }

  /// A field with a varint.
  static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { self.tag(field, 0) + self.varint(value) }

  /// A field with a length.
  static func delimited(_ field: UInt64, _ payload: [UInt8]) -> [UInt8] {
    self.tag(field, 2) + self.varint(UInt64(payload.count)) + payload
  }

  /// A field with a length and text.
  static func text(_ field: UInt64, _ text: String) -> [UInt8] { self.delimited(field, [UInt8](text.utf8)) }

  /// The same field many times.
  static func repeated(_ field: [UInt8], count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(field.count * count)
    for _ in 0..<count { bytes.append(contentsOf: field) }
    return bytes
  }

  /// A group.
  static func group(_ field: UInt64, _ fields: [UInt8]) -> [UInt8] {
    self.tag(field, 3) + fields + self.tag(field, 4)
  }

  /// A message nested in itself, so that `depth` messages stand below the outermost. Made for a million of them.
  static func nested(_ field: UInt8, depth: Int) -> [UInt8] {
    var lengths: [Int] = []
    var length = 0
    for _ in 0..<depth {
      lengths.append(length)
      length += length < 1 << 7 ? 2 : length < 1 << 14 ? 3 : length < 1 << 21 ? 4 : 5
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(length)
    for length in lengths.reversed() {
      bytes.append(field << 3 | 2)
      var rest = length
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(truncatingIfNeeded: rest))
    }
    return bytes
  }
}
