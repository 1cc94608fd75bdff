import CNghttp2

/// The server's side of a connection. See ``HTTP2Session`` for how it is driven.
public final class HTTP2ServerSession: HTTP2Session {
  /// A session that expects a client's preface. Its SETTINGS wait in `takeOutbound` at once.
  ///
  /// If memory does not suffice the session is finished from the start.
  ///
  /// - Parameter requiresHTTPS: whether a request whose `:scheme` is `http` is rejected, as over TLS. Without TLS either
  ///   scheme is taken: a gateway that has ended TLS passes `https` on (RFC 9110, section 7.4).
  /// - Parameter memory: what nghttp2 allocates from; malloc if there is none.
  public convenience init(
    limits: HTTP2Limits,
    requiresHTTPS: Bool = false,
    memory: HTTP2Memory? = nil,
    now: Int64
  ) {
    let lease = memory.map(HTTP2Memory.Lease.init)
    lease?.lendFrameBuffer(true)
    self.init(limits: limits, now: now, allocator: lease?.allocator)
    lease?.lendFrameBuffer(false)
    self.lease = lease
    self.fields.requiresHTTPS = requiresHTTPS
  }

  /// A session whose nghttp2 uses the given allocator, or malloc if there is none.
  init(limits: HTTP2Limits, now: Int64, allocator: nghttp2_mem?) {
    let limits = limits.clamped()
    super.init(limits: limits, limitsResets: true, now: now)
    self.open(
      nghttp2_session_server_new3,
      limits: limits,
      // Priorities of RFC 7540 are churn to nghttp2 and useless to us; streams take turns instead.
      settings: [.maxStreams(limits.maxConcurrentStreams), .noOldPriorities()],
      allocator: allocator
    )
  }

  /// Sends a response's headers; with `endStream` it is the whole response (a trailers-only one).
  ///
  /// Returns false if the stream has ended or its headers were sent before.
  public func sendHeaders(_ stream: HTTP2StreamID, _ fields: HTTP2FieldList, endStream: Bool) -> Bool {
    guard let handle = self.handle, let state = self.streams[stream],
      !state.hasSubmittedHeaders, !state.isResetting
    else { return false }
    let result = fields.withNameValues { list, count in
      endStream
        ? nghttp2_submit_response(handle, stream, list, count, nil)
        : withDataProvider { nghttp2_submit_response(handle, stream, list, count, $0) }
    }
    guard result == 0 else {
      self.check(result)
      return false
    }
    state.hasSubmittedHeaders = true
    state.isFinishing = endStream
    if !endStream {
      self.takeTurns(handle, stream)
    }
    return true
  }

  /// Without this nghttp2 sends one stream to its end before the next, and an endless one would starve the rest
  /// (RFC 9218: streams that are not incremental).
  private func takeTurns(_ handle: OpaquePointer, _ stream: HTTP2StreamID) {
    var priority = nghttp2_extpri(urgency: UInt32(NGHTTP2_EXTPRI_DEFAULT_URGENCY), inc: 1)
    self.check(nghttp2_session_change_extpri_stream_priority(handle, stream, &priority, 1))
  }
}
