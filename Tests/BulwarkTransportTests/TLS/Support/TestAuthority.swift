import BulwarkTransport
import Crypto
import Foundation
import SwiftASN1
import X509

/// A root that issues certificates, made for one test.
struct TestAuthority {
  private let key = P256.Signing.PrivateKey()
  private let name: DistinguishedName
  /// The root's own certificate in PEM.
  let pem: [UInt8]

  init(_ name: String = "Test Root") throws {
    self.name = try DistinguishedName { CommonName(name) }
    self.pem = try Self.certificate(
      of: Certificate.PublicKey(self.key.publicKey),
      name: self.name,
      lifetime: -3_600...86_400,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(keyCertSign: true))
      },
      issuer: self.name,
      issuerKey: self.key
    )
  }

  /// Issues a certificate.
  ///
  /// - Parameter lifetime: from when until when it is valid, in seconds from now.
  func issue(
    dns: [String] = [],
    uris: [String] = [],
    addresses: [[UInt8]] = [],
    commonName: String = "peer",
    lifetime: ClosedRange<TimeInterval> = -3_600...86_400
  ) throws -> TestCertificate {
    let key = P256.Signing.PrivateKey()
    let names =
      dns.map { GeneralName.dnsName($0) } + uris.map { .uniformResourceIdentifier($0) }
      + addresses.map { .ipAddress(ASN1OctetString(contentBytes: $0[...])) }
    let pem = try Self.certificate(
      of: Certificate.PublicKey(key.publicKey),
      name: DistinguishedName { CommonName(commonName) },
      lifetime: lifetime,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        if !names.isEmpty { SubjectAlternativeNames(names) }
      },
      issuer: self.name,
      issuerKey: self.key
    )
    return TestCertificate(pem: pem, key: Array(key.pemRepresentation.utf8))
  }

  private static func certificate(
    of publicKey: Certificate.PublicKey,
    name: DistinguishedName,
    lifetime: ClosedRange<TimeInterval>,
    extensions: Certificate.Extensions,
    issuer: DistinguishedName,
    issuerKey: P256.Signing.PrivateKey
  ) throws -> [UInt8] {
    let certificate = try Certificate(
      version: .v3,
      serialNumber: Certificate.SerialNumber(),
      publicKey: publicKey,
      notValidBefore: Date(timeIntervalSinceNow: lifetime.lowerBound),
      notValidAfter: Date(timeIntervalSinceNow: lifetime.upperBound),
      issuer: issuer,
      subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: extensions,
      issuerPrivateKey: Certificate.PrivateKey(issuerKey)
    )
    return Array(try certificate.serializeAsPEM().pemString.utf8) + Array("\n".utf8)
  }
}

/// A certificate and its key, in PEM.
struct TestCertificate {
  var pem: [UInt8]
  var key: [UInt8]

  /// Credentials that prove this, and trust those whom the authority names.
  func credentials(trusting authority: TestAuthority) throws -> TLSCredentials {
    try TLSCredentials(
      certificateChain: .bytes(self.pem),
      privateKey: .bytes(self.key),
      trustRoots: .pem(.bytes(authority.pem))
    )
  }
}

extension TestAuthority {
  /// Credentials that prove nothing and trust this root.
  func trust() throws -> TLSCredentials {
    try TLSCredentials(trustRoots: .pem(.bytes(self.pem)))
  }

  /// A server on 127.0.0.1 that is called `node.test`.
  func server(clients: ClientVerification = .none) throws -> ServerConfiguration {
    try self.server(with: self.issue(dns: ["node.test", "localhost"]), clients: clients)
  }

  func server(
    with certificate: TestCertificate,
    clients: ClientVerification = .none
  ) throws -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(try certificate.credentials(trusting: self), clients: clients)
    return configuration
  }

  /// A client of `node.test` that shows a certificate if it has one.
  func client(
    with certificate: TestCertificate? = nil,
    serverName: String? = "node.test"
  ) throws -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    let credentials = try certificate?.credentials(trusting: self) ?? self.trust()
    configuration.tls = ClientTLS(credentials, serverName: serverName)
    return configuration
  }
}
