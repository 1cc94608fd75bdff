import BulwarkCore
import NIOSSL

extension PeerIdentity {
  /// What a certificate says, of which TLS has verified that it is trusted and that the peer has its key.
  ///
  /// - Throws: if the certificate cannot be written out again.
  init(verified certificate: NIOSSLCertificate) throws {
    var uriNames: [String] = []
    var dnsNames: [String] = []
    // Whole strings, whatever is in them: a name with a zero byte is not taken for what stands before it.
    for name in certificate._subjectAlternativeNames() {
      switch name.nameType {
      case .uri: uriNames.append(String(decoding: name.contents, as: UTF8.self))
      case .dnsName: dnsNames.append(String(decoding: name.contents, as: UTF8.self))
      default: break
      }
    }
    self.init(
      certificate: try certificate.toDERBytes(),
      publicKey: try certificate.extractPublicKey().toSPKIBytes(),
      uriNames: uriNames,
      dnsNames: dnsNames,
      commonName: certificate.subjectName.last { $0.type == .commonName }?.value
    )
  }
}
