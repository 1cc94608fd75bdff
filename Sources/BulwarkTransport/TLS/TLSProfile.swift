import NIOCore
import NIOSSL

/// How credentials are used: everything that a context depends on beside them.
struct TLSProfile: Hashable, Sendable {
  enum Side: Hashable, Sendable {
    case server(ClientVerification)
    /// - Parameter checksName: whether the certificate has to carry the name or address of the server.
    case client(checksName: Bool)
  }

  var side: Side
  var minimumVersion: TLSProtocolVersion

  /// What finds out whether material can be used at all.
  static let probe = TLSProfile(side: .client(checksName: true), minimumVersion: .tls12)

  /// The ALPN name of HTTP/2 over TLS (RFC 9113, section 3.2).
  static let http2 = "h2"

  /// What HTTP/2 may be spoken over in TLS 1.2: ephemeral keys and authenticated encryption (RFC 9113, section 9.2.2).
  /// Those of TLS 1.3 all are that, and are always on.
  private static let ciphers: [NIOTLSCipher] = [
    .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  ]

  func context(of material: TLSMaterial) throws(TLSCredentialsError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    switch self.side {
    case .server(let clients):
      guard material.key != nil else {
        throw TLSCredentialsError("a server needs credentials with a certificate chain and a private key")
      }
      switch clients {
      case .none: configuration.certificateVerification = .none
      case .optional: configuration.certificateVerification = .optionalVerification
      case .required: configuration.certificateVerification = .noHostnameVerification
      }
    case .client(let checksName):
      configuration.certificateVerification = checksName ? .fullVerification : .noHostnameVerification
    }
    switch self.minimumVersion {
    case .tls12: configuration.minimumTLSVersion = .tlsv12
    case .tls13: configuration.minimumTLSVersion = .tlsv13
    }
    configuration.cipherSuiteValues = Self.ciphers
    configuration.applicationProtocols = [Self.http2]
    configuration.certificateChain = material.chain.map { .certificate($0) }
    configuration.privateKey = material.key.map { .privateKey($0) }
    configuration.trustRoots = material.roots.map { .certificates($0) } ?? .default
    // HTTP/2 has its own last words, so that nothing is learned from those of TLS: no long wait for a peer that does
    // not say them.
    configuration.shutdownTimeout = .seconds(1)
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw TLSCredentialsError(
        "certificate chain, private key and trust roots do not fit together: \(error)"
      )
    }
  }
}
