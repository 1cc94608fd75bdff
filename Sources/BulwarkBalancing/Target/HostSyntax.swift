/// What a host may look like.
enum HostSyntax {
  /// Four numbers up to 255, without leading zeros, which some read as octal (RFC 6943 section 3.1.1).
  static func isIPv4(_ text: Substring) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy {
        (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy(\.isDigit) && UInt8($0) != nil
          && ($0.utf8.count == 1 || !$0.hasPrefix("0"))
      }
  }

  /// RFC 4291 section 2.2: eight groups of up to four hexadecimal digits, one run of zeros as `::`, the last two as an
  /// IPv4 address if that is liked better. Without a zone, which is not the same for two hosts.
  static func isIPv6(_ text: Substring) -> Bool {
    var text = text
    var limit = 8
    if text.contains("."), let colon = text.lastIndex(of: ":") {
      guard self.isIPv4(text[text.index(after: colon)...]) else { return false }
      text = text[...colon] + "0"
      limit = 7
    }
    let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
    let groups = halves.map { $0.isEmpty ? [] : $0.split(separator: ":", omittingEmptySubsequences: false) }
    guard
      groups.joined().allSatisfy({
        (1...4).contains($0.utf8.count) && $0.utf8.allSatisfy { $0.hexDigit != nil }
      })
    else { return false }
    let count = groups.joined().count
    return halves.count == 2 ? count < limit : halves.count == 1 && count == limit
  }

  /// What keeps a text from being a host name (RFC 1123 section 2.1, and underscores, which container networks use); nil
  /// for nothing.
  static func fault(ofName text: Substring) -> String? {
    var name = text
    if name.hasSuffix(".") { name = name.dropLast() }
    guard !name.isEmpty else { return "is empty" }
    guard name.utf8.count <= 253 else { return "has more than 253 characters" }
    guard name.utf8.allSatisfy({ $0.isLetter || $0.isDigit || "-_.".utf8.contains($0) }) else {
      return "contains other characters than letters, digits, \"-\", \"_\" and \".\""
    }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.allSatisfy({ (1...63).contains($0.utf8.count) }) else {
      return "has a part that is empty or has more than 63 characters"
    }
    // The system's resolver would read it as an address, 127.1 as 127.0.0.1 for one.
    guard let last = labels.last, !last.utf8.allSatisfy(\.isDigit) else {
      return "ends in a number and is no IPv4 address"
    }
    return nil
  }
}

extension UInt8 {
  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }

  /// The value of the hexadecimal digit that the byte is; nil if it is none.
  var hexDigit: UInt8? {
    if self.isDigit { return self - UInt8(ascii: "0") }
    let lowercase = self | 0x20
    guard (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lowercase) else { return nil }
    return lowercase - UInt8(ascii: "a") + 10
  }
}
