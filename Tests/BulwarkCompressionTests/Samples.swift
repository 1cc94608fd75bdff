import BulwarkCompression
import NIOCore

extension ZlibFormat {
  /// The compressed bytes, or none.
  func deflated(_ bytes: [UInt8]) -> [UInt8] {
    self.deflate(ByteBuffer(bytes: bytes)).map { Array($0.readableBytesView) } ?? []
  }

  /// The decompressed bytes.
  func inflated(_ bytes: [UInt8], limit: Int = 1 << 20) throws(InflationError) -> [UInt8] {
    var output = ByteBuffer()
    try self.inflate(ByteBuffer(bytes: bytes), into: &output, limit: limit)
    return Array(output.readableBytesView)
  }
}

/// Bytes made elsewhere, by Python's `gzip.compress(b"bulwark", mtime=0)` and `zlib.compress(b"bulwark")`.
enum Foreign {
  static let plain = Array("bulwark".utf8)
  static let gzip: [UInt8] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x2a, 0xcd, 0x29, 0x4f, 0x2c, 0xca,
    0x06, 0x00, 0x1a, 0x1e, 0xfc, 0xfe, 0x07, 0x00, 0x00, 0x00,
  ]
  static let zlib: [UInt8] = [
    0x78, 0x9c, 0x4b, 0x2a, 0xcd, 0x29, 0x4f, 0x2c, 0xca, 0x06, 0x00, 0x0b, 0xdd, 0x02, 0xf9,
  ]
}
