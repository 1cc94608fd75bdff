import NIOCore

/// What a client wants to see in the certificate of its server, beside a chain to a root that it trusts.
public enum ServerVerification: Hashable, Sendable {
  /// The server's name among the DNS names, or without a name the address that was connected to (RFC 9525).
  case name
  /// This URI name, such as the `spiffe://` name of one validator. The DNS names do not count.
  case uri(String)
  /// Nothing: whoever has a certificate of these roots may serve. For roots that vouch for the servers alone.
  case anyName
}

/// How a client speaks TLS.
///
/// The server must choose HTTP/2 (ALPN `h2`). A handshake that fails is a failed attempt to connect: calls fail with
/// UNAVAILABLE and a message that says why, and the next attempt follows gRPC's backoff. The handshake is part of
/// ``ClientConfiguration/connectTimeout``.
public struct ClientTLS: Sendable {
  /// Who may vouch for the server, and what the client proves itself with if the server asks for it.
  public var credentials: TLSCredentials

  /// The DNS name that is asked for (SNI, RFC 6066) and looked for in the certificate; nil for the host of the endpoint,
  /// or for `localhost` over a Unix socket. If the host is an address nothing is asked for, and the certificate has to
  /// carry that address. What is sent as `:authority` is ``ClientConfiguration/authority``, and separate.
  public var serverName: String?

  /// What the certificate has to say. Default: the server's name.
  public var verification: ServerVerification = .name

  /// The lowest version that is spoken. Default TLS 1.2.
  public var minimumVersion: TLSProtocolVersion = .tls12

  /// TLS with these credentials.
  public init(_ credentials: TLSCredentials, serverName: String? = nil) {
    self.credentials = credentials
    self.serverName = serverName
  }

  var profile: TLSProfile {
    TLSProfile(side: .client(checksName: self.verification == .name), minimumVersion: self.minimumVersion)
  }

  /// The name to ask for, or nil where there is only an address.
  ///
  /// - Parameter serviceName: the name of the service whose endpoint it is, if it has one.
  func serverName(of endpoint: Endpoint, serviceName: String?) -> String? {
    if let serverName = self.serverName ?? serviceName { return serverName }
    switch endpoint {
    case .tcp(let host, _): return (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    case .unix: return "localhost"
    }
  }
}
