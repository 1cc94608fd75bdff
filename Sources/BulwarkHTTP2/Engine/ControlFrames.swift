import struct NIOCore.ByteBuffer

/// The two frames that a session writes itself, once nghttp2 has no more to say.
enum ControlFrames {
  /// An empty SETTINGS frame: what has to come first on a connection.
  static func writeSettings(to buffer: inout ByteBuffer) {
    self.writeHeader(length: 0, type: 0x4, to: &buffer)
  }

  /// GOAWAY (RFC 9113, section 6.8), with at most 256 bytes of debug text.
  static func writeGoAway(
    lastStream: HTTP2StreamID,
    code: HTTP2ErrorCode,
    debug: String,
    to buffer: inout ByteBuffer
  ) {
    let text = debug.utf8.prefix(256)
    self.writeHeader(length: 8 + text.count, type: 0x7, to: &buffer)
    buffer.writeInteger(lastStream)
    buffer.writeInteger(code.rawValue)
    buffer.writeBytes(text)
  }

  /// A frame header for stream 0 without flags (RFC 9113, section 4.1).
  private static func writeHeader(length: Int, type: UInt8, to buffer: inout ByteBuffer) {
    buffer.writeInteger(UInt32(truncatingIfNeeded: length) << 8 | UInt32(type))
    buffer.writeInteger(UInt8(0))
    buffer.writeInteger(UInt32(0))
  }
}
