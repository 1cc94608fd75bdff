import BulwarkCompression
import NIOCore

extension Sample {
  /// A message as it stands on the wire when it is compressed.
  static func compressed(_ message: [UInt8], _ format: ZlibFormat) -> [UInt8] {
    self.framed(format.bytes(message), flag: 1)
  }
}

extension ZlibFormat {
  /// The compressed bytes.
  func bytes(_ message: [UInt8]) -> [UInt8] {
    self.deflate(ByteBuffer(bytes: message)).map { Array($0.readableBytesView) } ?? []
  }
}
