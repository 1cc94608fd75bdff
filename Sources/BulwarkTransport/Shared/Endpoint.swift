import BulwarkBalancing
import NIOCore

/// Where a server listens or a client connects.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// A host name or address, and a port; port 0 lets a server have any free one.
  case tcp(host: String, port: Int)
  /// The path of a Unix domain socket.
  case unix(path: String)

  /// `host:port`, `[address]:port` for IPv6, or `unix:path`.
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  init(_ address: SocketAddress) {
    if let path = address.pathname, !path.isEmpty {
      self = .unix(path: path)
    } else {
      self = .tcp(host: address.ipAddress ?? "", port: address.port ?? 0)
    }
  }
}

extension Endpoint {
  /// Reads `host:port`, `[address]:port` or `unix:path`; nil if the text is none of these.
  public init?(_ text: String) {
    if text.hasPrefix("unix:"), text.count > 5 {
      self = .unix(path: String(text.dropFirst(5)))
      return
    }
    guard let colon = text.lastIndex(of: ":"), case let digits = text[text.index(after: colon)...],
      digits.allSatisfy({ ("0"..."9").contains($0) }), let port = UInt16(digits)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self = .tcp(host: String(host), port: Int(port))
  }

  /// What a client sends as `:authority`.
  var authority: String {
    switch self {
    case .tcp: self.description
    // RFC 3986 has no authority for a path; this is what gRPC's other implementations send.
    case .unix: "localhost"
    }
  }

  /// What kind of address it is; a host name may become any.
  var family: AddressFamily {
    guard case .tcp(let host, let port) = self, let address = try? SocketAddress(ipAddress: host, port: port)
    else { return .other }
    switch address {
    case .v4: return .ipv4
    case .v6: return .ipv6
    case .unixDomainSocket: return .other
    }
  }
}
