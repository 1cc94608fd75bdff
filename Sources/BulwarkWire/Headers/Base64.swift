/// Base64 as `-bin` metadata uses it: the standard alphabet of RFC 4648 section 4, written without padding and
/// read with or without (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Binary-Header").
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static let invalid: UInt8 = 0xFF
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: invalid, count: 256)
    for (value, character) in alphabet.enumerated() {
      table[Int(character)] = UInt8(value)
    }
    return table
  }()

  static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count * 4 + 2) / 3)
    var accumulator: UInt32 = 0
    var bits = 0
    for byte in bytes {
      accumulator = accumulator << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        output.append(self.alphabet[Int(accumulator >> UInt32(bits) & 0x3F)])
      }
    }
    if bits > 0 {
      output.append(self.alphabet[Int(accumulator << UInt32(6 - bits) & 0x3F)])
    }
    return output
  }

  /// The bytes that the text stands for, or nil if it is not base64.
  static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
    let digits: some BidirectionalCollection<UInt8> = text.trimmingPadding()
    let padding = text.count - digits.count
    let leftover = digits.count % 4
    guard padding == 0 || (padding <= 2 && text.count % 4 == 0), leftover != 1 else { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(digits.count * 3 / 4)
    var accumulator: UInt32 = 0
    var bits = 0
    for character in digits {
      let value = self.values[Int(character)]
      guard value != self.invalid else { return nil }
      accumulator = accumulator << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        output.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
      }
    }
    return output
  }
}

extension BidirectionalCollection<UInt8> {
  fileprivate func trimmingPadding() -> SubSequence {
    var end = self.endIndex
    while end > self.startIndex, self[self.index(before: end)] == UInt8(ascii: "=") {
      end = self.index(before: end)
    }
    return self[self.startIndex..<end]
  }
}
