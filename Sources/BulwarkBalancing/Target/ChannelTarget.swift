/// What a channel is to reach, in the words of gRPC's https://github.com/grpc/grpc/blob/master/doc/naming.md:
///
/// | text | what it names |
/// |---|---|
/// | `dns:///host:port`, `dns:host:port`, `host:port` | all addresses that DNS has for the host, looked up again as needed |
/// | `ipv4:1.2.3.4:50051,5.6.7.8:50051` | these addresses |
/// | `ipv6:[::1]:50051,[2001:db8::1]:50051` | these addresses |
/// | `unix:path`, `unix:///absolute/path` | one socket |
///
/// Where no port is given it is 443, with TLS or without: gRPC's default, and no second one that depends on other
/// settings. A host that is an IP address is taken as such by every scheme. `%` and two hexadecimal digits stand for a
/// byte. The names of schemes are case-insensitive.
///
/// A text that begins with no scheme known here and no `//` after it is a host: so `localhost:50051` is one, but a host
/// of the name `dns` or `unix` has to be written with its scheme.
public struct ChannelTarget: Hashable, Sendable, CustomStringConvertible {
  /// How the addresses are come by.
  public enum Source: Hashable, Sendable {
    /// By asking the system's resolver for the host.
    case dns(host: String, port: UInt16)
    /// They are given: one or more.
    case addresses([InternetAddress])
    /// There is one, of a Unix domain socket; the path is absolute or relative to the working directory.
    case unixSocket(path: String)
  }

  /// How the addresses are come by.
  public let source: Source

  /// What a server sees as `:authority`, unless it is set for the channel: host and port as they were given, the first
  /// of several addresses, and `localhost` for a Unix domain socket.
  public let authority: String

  /// The text that it was read from.
  public let description: String

  /// Reads a target.
  ///
  /// - Throws: ``InvalidTarget``, which names the text and the fault.
  public init(_ text: String) throws(InvalidTarget) {
    let parser = TargetParser(text: text)
    (self.source, self.authority) = try parser.parse()
    self.description = text
  }
}

/// An IP address, checked, and a port.
public struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address in its usual notation, an IPv6 address without brackets.
  public let host: String
  /// 1 to 65535.
  public let port: UInt16
  /// Whether it is an IPv6 address.
  public let isIPv6: Bool

  /// `address:port`, `[address]:port` for IPv6.
  public var description: String { self.isIPv6 ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)" }
}

/// A text that is no target of a channel.
public struct InvalidTarget: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text.
  public let target: String
  /// What is wrong with it, and what is allowed.
  public let fault: String

  public var description: String { "target \"\(self.target)\": \(self.fault)" }
}
