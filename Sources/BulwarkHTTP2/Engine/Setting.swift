import CNghttp2

/// One entry of the first SETTINGS frame (RFC 9113, section 6.5.2).
struct Setting {
  var entry: nghttp2_settings_entry

  private init(_ identifier: nghttp2_settings_id, _ value: Int) {
    self.entry = nghttp2_settings_entry(
      settings_id: Int32(truncatingIfNeeded: identifier.rawValue),
      value: UInt32(clamping: value)
    )
  }

  static func headerTableSize(_ bytes: Int) -> Setting { Setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, bytes) }
  static func initialWindow(_ bytes: Int) -> Setting { Setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, bytes) }
  static func maxFrameSize(_ bytes: Int) -> Setting { Setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, bytes) }
  static func maxHeaderList(_ bytes: Int) -> Setting { Setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, bytes) }
  static func maxStreams(_ count: Int) -> Setting { Setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, count) }
  static func noPush() -> Setting { Setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 0) }
  /// RFC 9218, section 2.1: the priorities of RFC 7540 are not used.
  static func noOldPriorities() -> Setting { Setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1) }

  /// The streams that a session's peer allows it to have open at once.
  static func peerMaxStreams(_ handle: OpaquePointer) -> Int {
    Int(nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }
}
