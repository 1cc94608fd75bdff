import BulwarkCore
import NIOCore

extension ChannelzAddress {
  /// Nil for no address.
  init?(_ address: SocketAddress?) {
    guard let address else { return nil }
    guard let text = address.ipAddress, let bytes = Self.bytes(ofAddress: text) else {
      self = .unix(path: address.pathname ?? "")
      return
    }
    self = .ip(bytes, port: address.port ?? 0)
  }

  /// The bytes of an address as the system writes it, in network order; nil if it is none. A zone is left out.
  static func bytes(ofAddress text: String) -> [UInt8]? {
    if !text.contains(":") { return self.bytes(ofIPv4: text[...]) }
    let halves = text.prefix { $0 != "%" }.split(separator: "::", omittingEmptySubsequences: false)
    let parts = halves.map { self.bytes(ofGroups: $0) }
    guard let head = parts.first ?? nil, let tail = parts.last ?? nil else { return nil }
    guard halves.count == 2 else { return halves.count == 1 && head.count == 16 ? head : nil }
    let gap = 16 - head.count - tail.count
    return gap >= 0 ? head + [UInt8](repeating: 0, count: gap) + tail : nil
  }

  private static func bytes(ofIPv4 text: Substring) -> [UInt8]? {
    let bytes = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
    return bytes.count == 4 ? bytes : nil
  }

  /// Groups of four hexadecimal digits, the last of which may be an IPv4 address.
  private static func bytes(ofGroups text: Substring) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var bytes: [UInt8] = []
    for group in text.split(separator: ":", omittingEmptySubsequences: false) {
      if let word = UInt16(group, radix: 16) {
        bytes += [UInt8(word >> 8), UInt8(word & 0xFF)]
      } else if let four = self.bytes(ofIPv4: group) {
        bytes += four
      } else {
        return nil
      }
    }
    return bytes
  }
}
