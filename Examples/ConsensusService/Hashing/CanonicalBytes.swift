import Crypto

/// The bytes that are hashed or signed for a value: the same for equal values, and different for different ones.
///
/// Every integer is 8 bytes, big endian; every byte string and every UTF-8 string is its length as 8 bytes
/// followed by its bytes. The first string is the domain, so that no two kinds of value share an encoding.
struct CanonicalBytes {
  private(set) var bytes: [UInt8] = []

  init(domain: String) {
    self.append(domain)
  }

  mutating func append(_ integer: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) {
      self.bytes.append(UInt8(truncatingIfNeeded: integer >> UInt64(shift)))
    }
  }

  mutating func append(_ integer: UInt32) {
    self.append(UInt64(integer))
  }

  mutating func append(_ content: some Collection<UInt8>) {
    self.append(UInt64(content.count))
    self.bytes.append(contentsOf: content)
  }

  mutating func append(_ text: String) {
    self.append(text.utf8)
  }

  /// The SHA-256 of the bytes.
  var digest: [UInt8] { Array(SHA256.hash(data: self.bytes)) }
}
