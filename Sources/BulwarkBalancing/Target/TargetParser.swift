/// Reads the text of a ``ChannelTarget``.
struct TargetParser {
  private static let schemes = "dns, ipv4, ipv6, unix"
  private static let defaultPort: UInt16 = 443
  /// What `sockaddr_un` holds, its final zero byte not counted.
  #if canImport(Darwin)
  private static let longestPath = 103
  #else
  private static let longestPath = 107
  #endif

  let text: String

  func parse() throws(InvalidTarget) -> (ChannelTarget.Source, authority: String) {
    guard !self.text.isEmpty else {
      throw self.invalid("it is empty; allowed are \(Self.schemes) and host:port")
    }
    let (scheme, rest) = self.splitScheme()
    switch scheme {
    case "dns": return try self.name(self.path(rest, of: "dns"))
    case "ipv4": return try self.addresses(self.path(rest, of: "ipv4"), isIPv6: false)
    case "ipv6": return try self.addresses(self.path(rest, of: "ipv6"), isIPv6: true)
    case "unix": return try (.unixSocket(path: self.socketPath(rest)), "localhost")
    case let scheme? where rest.hasPrefix("//") || scheme.hasPrefix("unix-"):
      throw self.invalid("the scheme \"\(scheme)\" is not known; allowed are \(Self.schemes)")
    default: return try self.name(self.decoded(self.text[...]))
    }
  }

  private func invalid(_ fault: String) -> InvalidTarget {
    InvalidTarget(target: self.text, fault: fault)
  }

  /// RFC 3986 section 3.1.
  private func splitScheme() -> (scheme: String?, rest: Substring) {
    guard let colon = self.text.utf8.firstIndex(of: UInt8(ascii: ":")), let first = self.text.utf8.first,
      case let scheme = self.text[..<colon], first.isLetter,
      scheme.utf8.allSatisfy({ $0.isLetter || $0.isDigit || "+-.".utf8.contains($0) })
    else { return (nil, self.text[...]) }
    return (scheme.lowercased(), self.text[self.text.index(after: colon)...])
  }

  /// What follows `scheme:`, `scheme:/` or `scheme:///`, decoded.
  private func path(_ rest: Substring, of scheme: String) throws(InvalidTarget) -> String {
    var rest = rest
    if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
      guard rest.hasPrefix("/") else {
        throw self.invalid(
          "it names an authority, \"\(rest.prefix { $0 != "/" })\", to resolve by, which is not supported; "
            + "write \(scheme):///, with three slashes"
        )
      }
    }
    return try self.decoded(rest.hasPrefix("/") ? rest.dropFirst() : rest)
  }

  private func socketPath(_ rest: Substring) throws(InvalidTarget) -> String {
    guard !rest.hasPrefix("//") || rest.hasPrefix("///") else {
      throw self.invalid("after unix:// the path has to be absolute; write unix:path or unix:///path")
    }
    let path = try self.decoded(rest.hasPrefix("///") ? rest.dropFirst(2) : rest)
    guard !path.isEmpty else { throw self.invalid("the path of the socket is empty") }
    guard path.utf8.count <= Self.longestPath else {
      throw self.invalid(
        "the path of the socket has \(path.utf8.count) bytes; allowed are \(Self.longestPath)"
      )
    }
    return path
  }

  private func decoded(_ text: Substring) throws(InvalidTarget) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst()?.hexDigit, let low = rest.popFirst()?.hexDigit else {
        throw self.invalid("a % stands before something else than two hexadecimal digits")
      }
      bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
      throw self.invalid("its bytes, decoded, are not UTF-8")
    }
    guard !bytes.contains(0) else { throw self.invalid("it contains a zero byte") }
    return decoded
  }

  private func name(_ path: String) throws(InvalidTarget) -> (ChannelTarget.Source, authority: String) {
    let (host, port) = try self.split(path[...])
    if let address = self.address(host, port) { return (.addresses([address]), path) }
    if let fault = HostSyntax.fault(ofName: host) { throw self.invalid("the host \"\(host)\" \(fault)") }
    return (.dns(host: String(host), port: port), path)
  }

  private func addresses(_ path: String, isIPv6: Bool) throws(InvalidTarget) -> (
    ChannelTarget.Source, authority: String
  ) {
    var addresses: [InternetAddress] = []
    for part in path.split(separator: ",", omittingEmptySubsequences: false) {
      let (host, port) = try self.split(part)
      guard let address = self.address(host, port), address.isIPv6 == isIPv6 else {
        throw self.invalid("\"\(host)\" is no \(isIPv6 ? "IPv6" : "IPv4") address")
      }
      addresses.append(address)
    }
    return (.addresses(addresses), addresses.first?.description ?? "")
  }

  private func address(_ host: Substring, _ port: UInt16) -> InternetAddress? {
    let isIPv6 = HostSyntax.isIPv6(host)
    guard isIPv6 || HostSyntax.isIPv4(host) else { return nil }
    return InternetAddress(host: String(host), port: port, isIPv6: isIPv6)
  }

  /// `host`, `host:port`, `[host]`, `[host]:port`, or an IPv6 address alone.
  private func split(_ text: Substring) throws(InvalidTarget) -> (host: Substring, port: UInt16) {
    if text.hasPrefix("[") {
      guard let bracket = text.firstIndex(of: "]") else {
        throw self.invalid("\"\(text)\" lacks its closing bracket")
      }
      let host = text[text.index(after: text.startIndex)..<bracket]
      guard HostSyntax.isIPv6(host) else { throw self.invalid("\"\(host)\" is no IPv6 address") }
      let rest = text[text.index(after: bracket)...]
      guard !rest.isEmpty else { return (host, Self.defaultPort) }
      guard rest.hasPrefix(":") else {
        throw self.invalid("after the bracket stands \"\(rest)\" and not a port")
      }
      return (host, try self.port(rest.dropFirst()))
    }
    guard let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon else {
      return (text, Self.defaultPort)
    }
    return (text[..<colon], try self.port(text[text.index(after: colon)...]))
  }

  private func port(_ text: Substring) throws(InvalidTarget) -> UInt16 {
    guard text.utf8.allSatisfy(\.isDigit), let port = UInt16(text), port > 0 else {
      throw self.invalid("the port \"\(text)\" is no number from 1 to 65535")
    }
    return port
  }
}
