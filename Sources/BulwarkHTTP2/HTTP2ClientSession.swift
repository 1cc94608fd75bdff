import CNghttp2

/// The client's side of a connection. See ``HTTP2Session`` for how it is driven.
public final class HTTP2ClientSession: HTTP2Session {
  /// A session whose preface and SETTINGS wait in `takeOutbound` at once.
  ///
  /// If memory does not suffice the session is finished from the start.
  ///
  /// - Parameter memory: what nghttp2 allocates from; malloc if there is none.
  public convenience init(limits: HTTP2Limits, memory: HTTP2Memory? = nil, now: Int64) {
    let lease = memory.map(HTTP2Memory.Lease.init)
    self.init(limits: limits, now: now, allocator: lease?.allocator)
    self.lease = lease
  }

  /// A session whose nghttp2 uses the given allocator, or malloc if there is none.
  init(limits: HTTP2Limits, now: Int64, allocator: nghttp2_mem?) {
    let limits = limits.clamped()
    super.init(limits: limits, limitsResets: false, now: now)
    self.open(nghttp2_session_client_new3, limits: limits, settings: [.noPush()], allocator: allocator)
  }

  /// Opens a stream. With `endStream` there is no body.
  ///
  /// Returns nil if no stream can be opened: the connection is going away, or its identifiers are used up.
  /// Requests beyond ``peerMaxConcurrentStreams`` wait inside; a caller that wants a bound or a deadline for them
  /// keeps its own queue.
  public func sendRequest(_ fields: HTTP2FieldList, endStream: Bool) -> HTTP2StreamID? {
    guard let handle = self.handle, !self.isGoingAway else { return nil }
    let id = fields.withNameValues { list, count in
      endStream
        ? nghttp2_submit_request(handle, nil, list, count, nil, nil)
        : withDataProvider { nghttp2_submit_request(handle, nil, list, count, $0, nil) }
    }
    guard id > 0 else {
      self.check(id)
      return nil
    }
    self.stats.streamsOpened &+= 1
    self.streams[id] = StreamState(outbound: id, isFinishing: endStream)
    return id
  }

  /// The streams that the server lets this side have open at once: 100 until its SETTINGS arrive.
  public var peerMaxConcurrentStreams: Int {
    guard let handle = self.handle else { return 0 }
    return Setting.peerMaxStreams(handle)
  }

  /// True when no new stream can be opened: either side has sent GOAWAY, or the session has ended.
  public var isGoingAway: Bool {
    self.handle == nil || self.hasSubmittedGoAway || self.peerLastStream != nil
  }
}
