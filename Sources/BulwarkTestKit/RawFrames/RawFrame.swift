/// One HTTP/2 frame (RFC 9113, section 4.1), as bytes: legal or not, for peers that test what the other side does.
public struct RawFrame: Hashable, Sendable {
  /// A frame's type (RFC 9113, section 6). Any number can be sent.
  public struct Kind: RawRepresentable, Hashable, Sendable {
    /// The type's number.
    public var rawValue: UInt8

    /// A type with the given number, known or not.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// DATA.
    public static let data = Kind(rawValue: 0)
    /// HEADERS.
    public static let headers = Kind(rawValue: 1)
    /// PRIORITY.
    public static let priority = Kind(rawValue: 2)
    /// RST_STREAM.
    public static let reset = Kind(rawValue: 3)
    /// SETTINGS.
    public static let settings = Kind(rawValue: 4)
    /// PUSH_PROMISE.
    public static let pushPromise = Kind(rawValue: 5)
    /// PING.
    public static let ping = Kind(rawValue: 6)
    /// GOAWAY.
    public static let goAway = Kind(rawValue: 7)
    /// WINDOW_UPDATE.
    public static let windowUpdate = Kind(rawValue: 8)
    /// CONTINUATION.
    public static let continuation = Kind(rawValue: 9)
  }

  /// A frame's flags. The numbers have their meaning by the frame's type.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The flags' bits.
    public var rawValue: UInt8

    /// The flags whose bits are set.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// END_STREAM, of DATA and HEADERS.
    public static let endStream = Flags(rawValue: 0x1)
    /// ACK, of SETTINGS and PING.
    public static let acknowledgement = Flags(rawValue: 0x1)
    /// END_HEADERS, of HEADERS and CONTINUATION.
    public static let endHeaders = Flags(rawValue: 0x4)
    /// PADDED, of DATA and HEADERS.
    public static let padded = Flags(rawValue: 0x8)
  }

  /// The type.
  public var kind: Kind
  /// The flags.
  public var flags: Flags
  /// The stream, 0 for the connection.
  public var stream: Int32
  /// The payload, padding and all.
  public var payload: [UInt8]

  /// A frame of these parts, whether they make sense together or not.
  public init(_ kind: Kind, flags: Flags = [], stream: Int32 = 0, payload: [UInt8] = []) {
    self.kind = kind
    self.flags = flags
    self.stream = stream
    self.payload = payload
  }

  /// The 24 bytes that a client sends first (RFC 9113, section 3.4).
  public static let clientPreface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// The frame as it goes over the wire.
  public var bytes: [UInt8] {
    Self.header(self.kind, flags: self.flags, stream: self.stream, length: self.payload.count) + self.payload
  }

  /// A frame header alone, with any length: its payload may come later, or never.
  public static func header(_ kind: Kind, flags: Flags = [], stream: Int32 = 0, length: Int) -> [UInt8] {
    bigEndian(UInt32(truncatingIfNeeded: length)).dropFirst() + [kind.rawValue, flags.rawValue]
      + bigEndian(UInt32(bitPattern: stream))
  }

  /// The code of a RST_STREAM or GOAWAY frame, or nil for another frame.
  public var errorCode: UInt32? {
    switch self.kind {
    case .reset: self.number(at: 0)
    case .goAway: self.number(at: 4)
    default: nil
    }
  }

  /// The last stream of a GOAWAY frame, or nil for another frame.
  public var lastStream: Int32? {
    self.kind == .goAway ? self.number(at: 0).map { Int32(bitPattern: $0) } : nil
  }

  /// Four bytes of the payload as a number.
  private func number(at offset: Int) -> UInt32? {
    guard self.payload.count >= offset + 4 else { return nil }
    return self.payload[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
