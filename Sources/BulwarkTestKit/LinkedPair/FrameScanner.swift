import struct NIOCore.ByteBuffer

/// Follows a stream of bytes from frame to frame, and looks at the headers only.
struct FrameScanner {
  struct Header {
    var kind: RawFrame.Kind
    var flags: RawFrame.Flags
    var stream: Int32
    var length: Int
  }

  private var skipping: Int
  private var header: [UInt8] = []

  init(skippingPreface: Bool) {
    self.skipping = skippingPreface ? RawFrame.clientPreface.count : 0
  }

  /// Takes bytes up to the end of the next frame; nil if it is not among them.
  mutating func next(in bytes: inout ByteBuffer) -> Header? {
    self.skip(&bytes)
    while self.header.count < 9 {
      guard self.skipping == 0, let byte = bytes.readInteger(as: UInt8.self) else { return nil }
      self.header.append(byte)
      if self.header.count == 9 {
        self.skipping = self.header[0..<3].reduce(0) { $0 << 8 | Int($1) }
        self.skip(&bytes)
      }
    }
    self.skip(&bytes)
    guard self.skipping == 0 else { return nil }
    defer { self.header.removeAll(keepingCapacity: true) }
    return Header(
      kind: RawFrame.Kind(rawValue: self.header[3]),
      flags: RawFrame.Flags(rawValue: self.header[4]),
      stream: Int32(bitPattern: self.header[5...].reduce(0) { $0 << 8 | UInt32($1) }),
      length: self.header[0..<3].reduce(0) { $0 << 8 | Int($1) }
    )
  }

  private mutating func skip(_ bytes: inout ByteBuffer) {
    let count = min(self.skipping, bytes.readableBytes)
    bytes.moveReaderIndex(forwardBy: count)
    self.skipping -= count
  }
}
