import CNghttp2
import struct NIOCore.ByteBuffer

extension HTTP2Session {
  /// Tells the peer that this side will soon accept no new streams, and keeps accepting them (RFC 9113, section
  /// 6.8): the first half of a graceful stop. Send a ``ping(_:)``, wait for its answer, then call
  /// ``goAway(code:debug:)``. A client has no use for it.
  public final func shutdownNotice() {
    guard let handle = self.handle else { return }
    self.check(nghttp2_submit_shutdown_notice(handle))
  }

  /// Sends GOAWAY with the last stream that was processed. Streams up to it go on; the session is finished when
  /// the last of them has closed.
  public final func goAway(code: HTTP2ErrorCode, debug: String) {
    guard let handle = self.handle, !self.hasSubmittedGoAway else { return }
    self.hasSubmittedGoAway = true
    let text = Array(debug.utf8.prefix(256))
    self.check(
      nghttp2_submit_goaway(
        handle,
        UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
        nghttp2_session_get_last_proc_stream_id(handle),
        code.rawValue,
        text,
        text.count
      )
    )
  }

  /// Ends the session at once: every stream closes with `code`, what was queued is dropped, and GOAWAY is all that
  /// ``takeOutbound(into:limit:)`` still yields. `debug` is cut after 256 bytes.
  public final func terminate(code: HTTP2ErrorCode, debug: String) {
    guard let handle = self.handle else { return }
    var words = ByteBuffer()
    if !self.hasSentSettings {
      ControlFrames.writeSettings(to: &words)
    }
    ControlFrames.writeGoAway(
      lastStream: nghttp2_session_get_last_proc_stream_id(handle),
      code: code,
      debug: debug,
      to: &words
    )
    self.end(code: code)
    self.lastWords = words
  }

  /// The connection is gone: every live stream closes, with CANCEL and by the connection, and nothing is sent any
  /// more. A request of ours that has not left closes with REFUSED_STREAM. Calling it again does nothing.
  public final func close() {
    self.end(code: .cancel)
    self.lastWords = nil
  }

  private func end(code: HTTP2ErrorCode) {
    guard let handle = self.handle else { return }
    self.handle = nil
    // nghttp2 frees its streams without a callback, so each is closed here. The order is that of the identifiers,
    // to be the same in every run.
    for id in self.streams.identifiers.sorted() {
      if let stream = self.streams[id] {
        let hasLeft = stream.isInbound || stream.hasSentHeaders
        self.close(stream, code: hasLeft ? code : .refusedStream, by: .connection)
      }
    }
    nghttp2_session_del(handle)
  }

  /// nghttp2 has closed a stream.
  final func streamClosed(_ id: HTTP2StreamID, code: UInt32) {
    guard let stream = self.streams[id] else { return }
    let closer: HTTP2Closer
    if stream.isResetting || self.input == nil {
      closer = .local
    } else if !stream.isInbound, let last = self.peerLastStream, id > last {
      closer = .connection
    } else {
      closer = .peer
    }
    self.close(stream, code: HTTP2ErrorCode(rawValue: code), by: closer)
  }

  /// Takes a stream out of the table: its queue is dropped, its credit goes back, and it is reported once.
  final func close(_ stream: StreamState, code: HTTP2ErrorCode, by closer: HTTP2Closer) {
    self.streams.removeValue(forKey: stream.id)
    self.fields.abandonBlock(of: stream.id)
    self.queuedTotal -= stream.outbound.count
    if stream.unconsumed > 0, let handle = self.handle {
      self.check(nghttp2_session_consume_connection(handle, stream.unconsumed))
    }
    if stream.isAnnounced {
      self.events.append(.streamClosed(stream: stream.id, code: code, by: closer))
    }
  }
}
