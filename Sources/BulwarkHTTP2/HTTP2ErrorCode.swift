/// The identifier of a stream (RFC 9113, section 5.1.1): positive, odd when the client opened it.
///
/// An identifier is never used twice on one connection.
public typealias HTTP2StreamID = Int32

/// The reason for the end of a stream or a connection (RFC 9113, section 7).
///
/// A peer may send codes that the standard does not name; they are carried as they are.
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
  /// The code as it stands in RST_STREAM and GOAWAY frames.
  public var rawValue: UInt32

  /// A code with the given number, known or not.
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// NO_ERROR: an orderly end.
  public static let noError = HTTP2ErrorCode(rawValue: 0x0)
  /// PROTOCOL_ERROR: the peer broke the protocol.
  public static let protocolError = HTTP2ErrorCode(rawValue: 0x1)
  /// INTERNAL_ERROR: the sender failed.
  public static let internalError = HTTP2ErrorCode(rawValue: 0x2)
  /// FLOW_CONTROL_ERROR: more was sent than the window allowed.
  public static let flowControlError = HTTP2ErrorCode(rawValue: 0x3)
  /// SETTINGS_TIMEOUT: settings were not acknowledged in time.
  public static let settingsTimeout = HTTP2ErrorCode(rawValue: 0x4)
  /// STREAM_CLOSED: a frame came for a stream that had ended.
  public static let streamClosed = HTTP2ErrorCode(rawValue: 0x5)
  /// FRAME_SIZE_ERROR: a frame has an impossible length.
  public static let frameSizeError = HTTP2ErrorCode(rawValue: 0x6)
  /// REFUSED_STREAM: nothing of the stream was processed; trying again is safe.
  public static let refusedStream = HTTP2ErrorCode(rawValue: 0x7)
  /// CANCEL: the stream is not needed any more.
  public static let cancel = HTTP2ErrorCode(rawValue: 0x8)
  /// COMPRESSION_ERROR: the header compression state is lost.
  public static let compressionError = HTTP2ErrorCode(rawValue: 0x9)
  /// CONNECT_ERROR: a tunnel's connection failed.
  public static let connectError = HTTP2ErrorCode(rawValue: 0xa)
  /// ENHANCE_YOUR_CALM: the peer asks too much.
  public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 0xb)
  /// INADEQUATE_SECURITY: the transport is not secure enough.
  public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 0xc)
  /// HTTP_1_1_REQUIRED: the peer wants HTTP/1.1.
  public static let http11Required = HTTP2ErrorCode(rawValue: 0xd)
}

extension HTTP2ErrorCode: CustomStringConvertible {
  /// The standard's name, or the number in hexadecimal.
  public var description: String {
    let names = [
      "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
      "STREAM_CLOSED",
      "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
      "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]
    guard let index = Int(exactly: self.rawValue), names.indices.contains(index) else {
      return "0x" + String(self.rawValue, radix: 16)
    }
    return names[index]
  }
}
