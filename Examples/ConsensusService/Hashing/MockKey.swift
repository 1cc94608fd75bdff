/// The key of a mock validator. **It protects nothing**: whoever knows the public key can sign.
///
/// The mock stands in for Ed25519 where a demonstration needs signatures that can be right or wrong, of the
/// right size, without key files. A signature is 64 bytes in two halves, `SHA-256(canonical bytes)` of the
/// domains `bulwark.mock.signature.1` and `bulwark.mock.signature.2`, the public key, and the signed bytes.
public struct MockKey: Hashable, Sendable {
  /// 32 bytes for derived keys; the service also takes the 48 bytes of a BLS key.
  public let publicKey: [UInt8]

  /// A key with these bytes.
  public init(publicKey: [UInt8]) {
    self.publicKey = publicKey
  }

  /// The key of a validator of ``Genesis/mock(chainID:validators:power:)``: the SHA-256 of the canonical bytes of
  /// the domain `bulwark.mock.key`, the chain's name and the validator's index.
  public init(chainID: String, index: UInt32) {
    var bytes = CanonicalBytes(domain: "bulwark.mock.key")
    bytes.append(chainID)
    bytes.append(index)
    self.publicKey = bytes.digest
  }

  /// The validator's address: the first 20 bytes of the SHA-256 of the canonical bytes of the domain
  /// `bulwark.mock.address` and the public key.
  public var address: [UInt8] {
    var bytes = CanonicalBytes(domain: "bulwark.mock.address")
    bytes.append(self.publicKey)
    return Array(bytes.digest.prefix(20))
  }

  /// The mock signature of a message.
  func sign(_ message: CanonicalBytes) -> [UInt8] {
    self.half("bulwark.mock.signature.1", of: message) + self.half("bulwark.mock.signature.2", of: message)
  }

  /// Whether this key made the signature over the message.
  func verifies(_ signature: [UInt8], over message: CanonicalBytes) -> Bool {
    self.sign(message) == signature
  }

  private func half(_ domain: String, of message: CanonicalBytes) -> [UInt8] {
    var bytes = CanonicalBytes(domain: domain)
    bytes.append(self.publicKey)
    bytes.append(message.bytes)
    return bytes.digest
  }
}
