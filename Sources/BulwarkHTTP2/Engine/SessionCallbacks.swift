import CNghttp2

/// nghttp2's callbacks, each no more than a call of the session's method.
///
/// None runs code of a user, and none enters nghttp2 again: they append events, submit frames, and ask for a
/// termination that happens once nghttp2 has returned.
enum SessionCallbacks {
  /// One table for all sessions; nghttp2 copies it into each. Nil only if there was no memory for it.
  ///
  /// Safe to share: it is written once, before the first use, and only read afterwards.
  nonisolated(unsafe) static let table: OpaquePointer? = {
    var table: OpaquePointer?
    guard nghttp2_session_callbacks_new(&table) == 0, let table else { return nil }
    setInbound(table)
    setOutbound(table)
    return table
  }()

  /// nghttp2's data provider: the queue of the stream that it asks for.
  static let readData: nghttp2_data_source_read_callback = { _, stream, _, capacity, flags, _, context in
    guard let flags else { return Int(failed) }
    return withSession(context, or: Int(failed)) {
      $0.nextData(stream, capacity: capacity, flags: &flags.pointee)
    }
  }

  private static func setInbound(_ table: OpaquePointer) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(table) { _, header, context in
      guard let header else { return failed }
      return withSession(context, or: failed) { $0.frameBegan(type: UInt32(header.pointee.type)) }
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(table) { _, frame, context in
      guard let frame else { return failed }
      return withSession(context, or: failed) {
        $0.headerBlockBegan(frame.pointee.hd.stream_id, category: frame.pointee.headers.cat)
      }
    }
    let header: nghttp2_on_header_callback = { _, _, name, nameCount, value, valueCount, _, context in
      withSession(context, or: 0) {
        $0.fields.append(
          name: UnsafeBufferPointer(start: name, count: nameCount),
          value: UnsafeBufferPointer(start: value, count: valueCount)
        )
        return 0
      }
    }
    nghttp2_session_callbacks_set_on_header_callback(table, header)
    // An invalid field makes the whole message malformed (RFC 9113, section 8.2.1); nghttp2 would skip it.
    nghttp2_session_callbacks_set_on_invalid_header_callback(table) { _, _, _, _, _, _, _, _ in
      NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) { _, _, stream, data, count, context in
      guard let data else { return failed }
      return withSession(context, or: failed) { $0.dataChunkReceived(stream, at: data, count: count) }
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, context in
      guard let frame else { return failed }
      return withSession(context, or: failed) { $0.frameReceived(frame) }
    }
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) { _, frame, _, context in
      guard let frame else { return failed }
      return withSession(context, or: failed) {
        $0.invalidFrameReceived(frame.pointee.hd)
        return 0
      }
    }
    // Any other result than 0 would leak what is queued for the stream (CVE-2023-35945).
    nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, stream, code, context in
      withSession(context, or: 0) {
        $0.streamClosed(stream, code: code)
        return 0
      }
    }
  }

  private static func setOutbound(_ table: OpaquePointer) {
    nghttp2_session_callbacks_set_data_source_read_length_callback(table) { _, _, _, _, _, peerMaximum, _ in
      min(Int(peerMaximum), maxOutboundFrame)
    }
    nghttp2_session_callbacks_set_send_data_callback(table) { _, frame, header, count, _, context in
      guard let frame, let header else { return failed }
      return withSession(context, or: failed) {
        $0.writeData(frame.pointee.hd.stream_id, header: header, count: count)
      }
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(table) { _, frame, context in
      guard let frame else { return failed }
      return withSession(context, or: failed) { $0.frameSent(frame) }
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(table) { _, frame, _, context in
      guard let frame else { return failed }
      return withSession(context, or: failed) {
        $0.frameNotSent(frame.pointee.hd)
        return 0
      }
    }
  }
}

/// The largest DATA frame that is sent, if the peer allows it: one stream shall not hold the connection for
/// longer, nor make nghttp2 grow its buffer to the 16 MiB that a peer may permit.
private let maxOutboundFrame = 65_536

private let failed = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

/// Calls `body` with the session that called nghttp2. Unretained, see `open`: it is alive, since it is on the stack, and
/// so it is not counted either, a dozen times a call.
@inline(__always)
private func withSession<Result>(
  _ context: UnsafeMutableRawPointer?,
  or failure: Result,
  _ body: (HTTP2Session) -> Result
) -> Result {
  guard let context else { return failure }
  return Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
}

/// Calls `body` with a provider that reads from the queue of whichever stream it is given to. nghttp2 copies it.
func withDataProvider<Result>(_ body: (UnsafePointer<nghttp2_data_provider>) -> Result) -> Result {
  var provider = nghttp2_data_provider()
  provider.read_callback = SessionCallbacks.readData
  return withUnsafePointer(to: provider, body)
}
