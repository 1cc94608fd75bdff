/// The versions of TLS that can be asked for at least. Older ones are not spoken (RFC 8996; RFC 9113, section 9.2).
public enum TLSProtocolVersion: Hashable, Sendable {
  /// TLS 1.2 (RFC 5246).
  case tls12
  /// TLS 1.3 (RFC 8446).
  case tls13
}

/// What a server wants to see of its clients.
public enum ClientVerification: Hashable, Sendable {
  /// No certificate is asked for.
  case none
  /// A certificate is asked for. A client that shows one must show one that is trusted.
  case optional
  /// Only a client with a trusted certificate gets in (mutual TLS).
  case required
}

/// How a server speaks TLS.
///
/// The client must offer HTTP/2 (ALPN `h2`); one that does not is cut off. Each request must be for an `https` resource.
/// A handshake that fails is logged at debug level, with the client's address and the reason.
public struct ServerTLS: Sendable {
  /// What the server proves itself with, and who may vouch for its clients.
  public var credentials: TLSCredentials

  /// What clients have to show. What they have shown is in ``/BulwarkCore/Peer/identity``. Default: nothing.
  ///
  /// Give credentials for this whose roots name your own clients and nobody else: with the roots of the operating
  /// system, whoever has any certificate of the public web gets in.
  public var clients: ClientVerification

  /// The lowest version that is spoken. Default TLS 1.2.
  public var minimumVersion: TLSProtocolVersion = .tls12

  /// How long a client may take from the connection to the end of the handshake; one that takes longer is cut off.
  /// Default 10 s, as Kestrel's.
  public var handshakeTimeout: Duration = .seconds(10)

  /// TLS with these credentials.
  public init(_ credentials: TLSCredentials, clients: ClientVerification = .none) {
    self.credentials = credentials
    self.clients = clients
  }

  var profile: TLSProfile { TLSProfile(side: .server(self.clients), minimumVersion: self.minimumVersion) }
}
