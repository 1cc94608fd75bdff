import CNghttp2
public import struct NIOCore.ByteBuffer

extension HTTP2Session {
  /// Queues a payload, after an optional prefix. Nothing is copied until it goes out.
  ///
  /// Returns false if the stream has ended or will: it is unknown, was reset, its headers have not been sent yet,
  /// or `finish` was called. A payload that would put all queues together above `maxOutboundBytes` resets its
  /// stream, and returns false.
  public final func sendData(_ stream: HTTP2StreamID, prefix: HTTP2Prefix?, _ payload: ByteBuffer) -> Bool {
    guard let state = self.sendableStream(stream) else { return false }
    let prefix = prefix ?? HTTP2Prefix(bytes: 0, count: 0)
    let added = Int(prefix.count) + payload.readableBytes
    guard self.queuedTotal == 0 || self.queuedTotal + added <= self.maxOutboundBytes else {
      self.reset(stream, .enhanceYourCalm, isGlitch: state.isInbound)
      return false
    }
    state.outbound.append(prefix: prefix, payload: payload)
    self.queuedTotal += added
    if state.outbound.count > Self.highWater {
      state.isAboveHighWater = true
    }
    if added > 0 {
      self.resume(state)
    }
    return true
  }

  /// Ends this side of the stream once its queue is out: with trailers, or with END_STREAM on the last DATA frame.
  ///
  /// When a server's answer ends before the request did, RST_STREAM with NO_ERROR follows it (RFC 9113, section
  /// 8.1), and the rest of the request is dropped. Returns false as `sendData` does.
  public final func finish(_ stream: HTTP2StreamID, trailers: HTTP2FieldList?) -> Bool {
    guard let state = self.sendableStream(stream) else { return false }
    state.isFinishing = true
    state.trailers = trailers
    self.resume(state)
    return true
  }

  /// Ends the stream with RST_STREAM. No event but `streamClosed` follows; what was queued is dropped.
  ///
  /// `isGlitch` says that the peer is to blame, and charges it. Does nothing for a stream that has ended.
  public final func reset(_ stream: HTTP2StreamID, _ code: HTTP2ErrorCode, isGlitch: Bool) {
    guard let handle = self.handle, let state = self.streams[stream], !state.isResetting else { return }
    self.beginReset(state)
    self.check(
      nghttp2_submit_rst_stream(
        handle,
        UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
        stream,
        code.rawValue
      )
    )
    if !state.isInbound && !state.hasSentHeaders {
      // The request never leaves, nor does the reset; nghttp2 would keep it until its turn comes.
      self.close(state, code: code, by: .local)
    }
    if isGlitch {
      self.chargeGlitch()
    }
  }

  private func beginReset(_ stream: StreamState) {
    stream.isResetting = true
    stream.dropsInbound = true
    self.queuedTotal -= stream.outbound.count
    stream.outbound.removeAll()
  }

  /// The stream, if payload may still be added to it.
  private func sendableStream(_ id: HTTP2StreamID) -> StreamState? {
    guard self.handle != nil, let stream = self.streams[id] else { return nil }
    return stream.hasSubmittedHeaders && !stream.isFinishing && !stream.isResetting ? stream : nil
  }

  private func resume(_ stream: StreamState) {
    guard stream.isDeferred, let handle = self.handle else { return }
    stream.isDeferred = false
    self.check(nghttp2_session_resume_data(handle, stream.id))
  }

  /// Sends a PING; its eight bytes come back in ``HTTP2Event/pingAcknowledged(_:)``.
  public final func ping(_ opaque: UInt64) {
    guard let handle = self.handle else { return }
    let result = withUnsafeBytes(of: opaque.bigEndian) { bytes in
      nghttp2_submit_ping(
        handle,
        UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
        bytes.assumingMemoryBound(to: UInt8.self).baseAddress
      )
    }
    self.check(result)
  }

  // MARK: - Bytes out

  /// Appends what is to be sent to `buffer`, about `limit` bytes at most: frames are not cut, so the last one may
  /// go above it by its own size. Returns true if more waits that could be sent now.
  public final func takeOutbound(into buffer: inout ByteBuffer, limit: Int) -> Bool {
    let start = buffer.readableBytes
    // At once: a buffer that grows as it is filled is copied each time that it doubles.
    buffer.reserveCapacity(minimumWritableBytes: min(self.queuedTotal, limit))
    defer { self.stats.bytesSent &+= UInt64(max(buffer.readableBytes - start, 0)) }
    // Moved, not copied: a second reference would make each write copy the buffer.
    swap(&buffer, &self.outbound)
    self.outboundEnd = self.outbound.writerIndex + max(limit, 1)
    let result = self.enterLibrary(self.drain)
    swap(&buffer, &self.outbound)
    if let result, result < 0 {
      self.stopForLibraryError(result)
    }
    if var words = self.lastWords {
      self.lastWords = nil
      buffer.writeBuffer(&words)
    }
    guard let handle = self.handle, buffer.writerIndex >= self.outboundEnd else { return false }
    return nghttp2_session_want_write(handle) != 0
  }

  private func drain(_ handle: OpaquePointer) -> Int {
    while self.outbound.writerIndex < self.outboundEnd {
      var pointer: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(handle, &pointer)
      guard count > 0 else { return count }
      // The bytes are nghttp2's until the next call, of this session or another (see `lendFrameBuffer`); DATA frames are
      // not among them, they are written by `writeData` while the call runs.
      self.outbound.writeBytes(UnsafeRawBufferPointer(start: pointer, count: count))
    }
    return 0
  }

  /// What of a stream's queue goes into its next DATA frame, which may hold `capacity` bytes.
  final func nextData(_ id: HTTP2StreamID, capacity: Int, flags: inout UInt32) -> Int {
    guard let stream = self.streams[id] else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
    let count = min(stream.outbound.count, capacity)
    if count == 0 && !stream.isFinishing {
      stream.isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    if count == stream.outbound.count && stream.isFinishing {
      flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
      if let trailers = stream.trailers.take() {
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        let result = trailers.withNameValues { nghttp2_submit_trailer(self.handle, id, $0, $1) }
        guard result == 0 else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
      }
    }
    return count
  }

  /// Writes a DATA frame: the header that nghttp2 has made, then the bytes that `nextData` promised.
  final func writeData(_ id: HTTP2StreamID, header: UnsafePointer<UInt8>, count: Int) -> Int32 {
    guard let stream = self.streams[id] else { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
    let header = UnsafeRawBufferPointer(start: header, count: 9)
    // In one step: each change of a buffer looks anew whether it is shared and has room.
    self.outbound.writeWithUnsafeMutableBytes(minimumWritableBytes: header.count + count) { free in
      free.copyMemory(from: header)
      let payload = UnsafeMutableRawBufferPointer(rebasing: free[header.count..<header.count + count])
      return header.count + stream.outbound.move(into: payload)
    }
    self.queuedTotal -= count
    if stream.isAboveHighWater && stream.outbound.count < Self.lowWater {
      stream.isAboveHighWater = false
      self.events.append(.streamWritable(stream: id))
    }
    // One call of nghttp2 sends frames without end unless it is told to pause.
    return self.outbound.writerIndex < self.outboundEnd ? 0 : NGHTTP2_ERR_PAUSE.rawValue
  }

  /// A frame has gone out.
  final func frameSent(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    self.stats.framesSent &+= 1
    let header = frame.pointee.hd
    let endsStream = header.flags & UInt8(truncatingIfNeeded: NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue:
      self.stats.headersAndDataSent &+= 1
      self.floodGuard.sentData(now: self.now)
      if endsStream {
        self.endSent(header.stream_id)
      }
    case NGHTTP2_HEADERS.rawValue:
      self.stats.headersAndDataSent &+= 1
      self.streams[header.stream_id]?.hasSentHeaders = true
      if endsStream {
        self.endSent(header.stream_id)
      }
    case NGHTTP2_RST_STREAM.rawValue:
      self.stats.resetsSent &+= 1
      // A reset that nobody here asked for is nghttp2's answer to a fault (CVE-2025-8671).
      if self.streams[header.stream_id]?.isResetting != true {
        self.chargeGlitch()
      }
    case NGHTTP2_SETTINGS.rawValue:
      self.hasSentSettings = true
    default:
      break
    }
    return self.outcome(nil)
  }

  /// END_STREAM has gone out. A server whose client still sends tells it to stop, or the stream would stay open
  /// for as long as the client likes.
  private func endSent(_ id: HTTP2StreamID) {
    guard let stream = self.streams[id], stream.isInbound else { return }
    guard stream.hasReceivedEnd else { return self.reset(id, .noError, isGlitch: false) }
    self.floodGuard.streamEnded(now: self.now)
  }

  /// A frame could not be sent. Without its headers or trailers a stream would wait for ever.
  final func frameNotSent(_ header: nghttp2_frame_hd) {
    self.stats.framesNotSent &+= 1
    guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue, let stream = self.streams[header.stream_id],
      stream.hasSentHeaders || stream.isInbound
    else { return }
    self.reset(header.stream_id, .internalError, isGlitch: false)
  }
}
