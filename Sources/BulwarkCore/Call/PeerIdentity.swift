/// What a peer has proved to be: the names and the key of a certificate that was verified (RFC 5280).
///
/// A connection makes one only when the certificate's chain ends in a trust root of this end, the certificate is within
/// its time, and the peer has its private key.
public struct PeerIdentity: Hashable, Sendable {
  /// The peer's own certificate, the leaf of its chain, in DER.
  public let certificate: [UInt8]

  /// The public key of the certificate in DER (SubjectPublicKeyInfo): what a pin would be compared with.
  public let publicKey: [UInt8]

  /// The URI names in the certificate's order, such as the `spiffe://` name of a workload.
  public let uriNames: [String]

  /// The DNS names in the certificate's order; one may begin with `*.`.
  public let dnsNames: [String]

  /// The common name of the subject, if it has one. Old certificates carry their name here; those with alternative
  /// names often carry a text for people.
  public let commonName: String?

  /// Creates an identity. What is given is not verified: transports that have verified it do this, and tests.
  public init(
    certificate: [UInt8],
    publicKey: [UInt8],
    uriNames: [String] = [],
    dnsNames: [String] = [],
    commonName: String? = nil
  ) {
    self.certificate = certificate
    self.publicKey = publicKey
    self.uriNames = uriNames
    self.dnsNames = dnsNames
    self.commonName = commonName
  }

  /// One text for the peer behind this certificate and those that replace it.
  ///
  /// The first of these that the certificate has: `uri:` and the first URI name, `dns:` and the first DNS name, `cn:`
  /// and the common name, `key:` and the public key in hexadecimal. So it is the same after a renewal under the same
  /// name, and different for names of different kinds. It is as good as the names that the trust roots vouch for.
  public var key: String {
    if let name = self.uriNames.first { return "uri:\(name)" }
    if let name = self.dnsNames.first { return "dns:\(name)" }
    if let name = self.commonName { return "cn:\(name)" }
    return self.publicKey.reduce(into: "key:") { text, byte in
      text += byte < 16 ? "0" : ""
      text += String(byte, radix: 16)
    }
  }
}
