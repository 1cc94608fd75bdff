extension RawFrame {
  /// HEADERS with a block that `HeaderBlock` has made.
  public static func headers(
    _ stream: Int32,
    _ block: [UInt8],
    flags: Flags = [.endHeaders]
  ) -> RawFrame {
    RawFrame(.headers, flags: flags, stream: stream, payload: block)
  }

  /// CONTINUATION.
  public static func continuation(_ stream: Int32, _ block: [UInt8], flags: Flags = []) -> RawFrame {
    RawFrame(.continuation, flags: flags, stream: stream, payload: block)
  }

  /// DATA, padded if `padding` is not nil.
  public static func data(
    _ stream: Int32,
    _ payload: [UInt8],
    flags: Flags = [],
    padding: UInt8? = nil
  ) -> RawFrame {
    guard let padding else { return RawFrame(.data, flags: flags, stream: stream, payload: payload) }
    let padded = [padding] + payload + [UInt8](repeating: 0, count: Int(padding))
    return RawFrame(.data, flags: flags.union(.padded), stream: stream, payload: padded)
  }

  /// RST_STREAM.
  public static func reset(_ stream: Int32, code: UInt32) -> RawFrame {
    RawFrame(.reset, stream: stream, payload: bigEndian(code))
  }

  /// SETTINGS with entries of identifier and value.
  public static func settings(_ entries: [(UInt16, UInt32)] = []) -> RawFrame {
    RawFrame(
      .settings,
      payload: entries.flatMap { identifier, value in
        [UInt8(identifier >> 8), UInt8(identifier & 0xff)] + bigEndian(value)
      }
    )
  }

  /// The acknowledgement of SETTINGS.
  public static let settingsAcknowledgement = RawFrame(.settings, flags: .acknowledgement)

  /// PING with eight times the same byte.
  public static func ping(_ byte: UInt8 = 0, flags: Flags = []) -> RawFrame {
    RawFrame(.ping, flags: flags, payload: [UInt8](repeating: byte, count: 8))
  }

  /// GOAWAY.
  public static func goAway(lastStream: Int32, code: UInt32, debug: String = "") -> RawFrame {
    RawFrame(
      .goAway,
      payload: bigEndian(UInt32(bitPattern: lastStream)) + bigEndian(code) + Array(debug.utf8)
    )
  }

  /// WINDOW_UPDATE.
  public static func windowUpdate(_ stream: Int32, _ increment: UInt32) -> RawFrame {
    RawFrame(.windowUpdate, stream: stream, payload: bigEndian(increment))
  }

  /// PRIORITY (RFC 7540, section 6.3): depends on stream 0 with the given weight.
  public static func priority(_ stream: Int32, weight: UInt8 = 15) -> RawFrame {
    RawFrame(.priority, stream: stream, payload: [0, 0, 0, 0, weight])
  }
}
