import CBulwark
import CNghttp2

/// nghttp2's two constructors, which differ in nothing but the role.
typealias SessionConstructor = (
  UnsafeMutablePointer<OpaquePointer?>?, OpaquePointer?, UnsafeMutableRawPointer?, OpaquePointer?,
  UnsafeMutablePointer<nghttp2_mem>?
) -> Int32

extension HTTP2Session {
  /// Creates nghttp2's session and queues what has to come first. On failure there is no handle, and the session
  /// is finished.
  final func open(
    _ construct: SessionConstructor,
    limits: HTTP2Limits,
    settings: [Setting],
    allocator: nghttp2_mem?
  ) {
    var option: OpaquePointer?
    guard let callbacks = SessionCallbacks.table, nghttp2_option_new(&option) == 0, let option else { return }
    defer { nghttp2_option_del(option) }
    self.configure(option, limits)
    // Unretained: nghttp2 uses the pointer only inside calls that this session makes, and is freed before it.
    let context = Unmanaged.passUnretained(self).toOpaque()
    var handle: OpaquePointer?
    let result =
      if var allocator {
        construct(&handle, callbacks, context, option, &allocator)
      } else {
        construct(&handle, callbacks, context, option, nil)
      }
    guard result == 0, let handle else { return }
    self.handle = handle
    if !self.submitPreface(handle, limits, settings) {
      self.handle = nil
      nghttp2_session_del(handle)
    }
  }

  private func configure(_ option: OpaquePointer, _ limits: HTTP2Limits) {
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_max_deflate_dynamic_table_size(option, 4_096)
    nghttp2_option_set_max_settings(option, limits.maxSettingsEntries)
    nghttp2_option_set_max_outbound_ack(option, limits.maxOutboundAcks)
    // gRPC lets metadata values have white space around them and has it removed (by the layer above).
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1)
    // Resets and continuations are the flood guard's to count. nghttp2's reset limiter reads the wall clock, so it
    // is set out of reach: time here is the caller's. Its count of CONTINUATION frames stands behind the guard's;
    // nghttp2 1.52 counts one for each piece in which its nine-byte header arrives, hence the factor.
    bulwark_nghttp2_option_set_floods(
      option,
      UInt64(UInt32.max),
      UInt64(UInt32.max),
      max(9 * limits.maxContinuations, 9)
    )
  }

  private func submitPreface(
    _ handle: OpaquePointer,
    _ limits: HTTP2Limits,
    _ settings: [Setting]
  ) -> Bool {
    let common: [Setting] = [
      .headerTableSize(4_096), .initialWindow(limits.streamWindow),
      .maxFrameSize(limits.maxFrameSize), .maxHeaderList(limits.maxHeaderListBytes),
    ]
    let entries = (common + settings).map(\.entry)
    let none = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
    let window = Int32(clamping: limits.connectionWindow)
    return nghttp2_submit_settings(handle, none, entries, entries.count) == 0
      && nghttp2_session_set_local_window_size(handle, none, 0, window) == 0
  }
}
