/// The encoding of `grpc-message`: UTF-8, with every byte outside 0x20 to 0x7E and the percent sign written as
/// `%XX` (gRPC over HTTP/2, "Status-Message").
enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// Encodes the text and stops before the result would be longer than the limit, between two characters.
  ///
  /// The limit exists because a header block above the peer's limit would lose the status itself.
  static func encode(_ text: String, limit: Int) -> [UInt8] {
    var output: [UInt8] = []
    for character in text.unicodeScalars {
      let mark = output.count
      for byte in UTF8.encode(character) ?? UTF8.encodedReplacementCharacter {
        if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
          output.append(byte)
        } else {
          output.append(UInt8(ascii: "%"))
          output.append(self.digits[Int(byte >> 4)])
          output.append(self.digits[Int(byte & 0xF)])
        }
      }
      guard output.count <= limit else {
        output.removeSubrange(mark...)
        break
      }
    }
    return output
  }

  /// Decodes what it can: a broken escape is kept as it stands, invalid UTF-8 becomes U+FFFD. Never fails.
  static func decode(_ bytes: some Collection<UInt8>) -> String {
    guard bytes.contains(UInt8(ascii: "%")) else { return String(decoding: bytes, as: UTF8.self) }
    let input = Array(bytes)
    var output: [UInt8] = []
    output.reserveCapacity(input.count)
    var index = 0
    while index < input.count {
      if input[index] == UInt8(ascii: "%"), index + 2 < input.count,
        let high = Self.value(of: input[index + 1]), let low = Self.value(of: input[index + 2])
      {
        output.append(high << 4 | low)
        index += 3
      } else {
        output.append(input[index])
        index += 1
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
