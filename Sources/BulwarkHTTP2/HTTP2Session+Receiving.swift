import CNghttp2
public import struct NIOCore.ByteBuffer

extension HTTP2Session {
  /// Takes all readable bytes of `bytes`. What came of them is in the events, and in ``isFinished``.
  ///
  /// It never fails: a peer that breaks the protocol or a limit gets its GOAWAY through
  /// ``takeOutbound(into:limit:)``. A session that is terminated or closed ignores what it is given.
  public final func receive(_ bytes: ByteBuffer, now: Int64) {
    self.now = now
    self.streamsInThisRead = 0
    self.fields.discardDelivered()
    self.stats.bytesReceived &+= UInt64(bytes.readableBytes)
    let consumed = bytes.withUnsafeReadableBytes { raw -> Int? in
      let octets = raw.assumingMemoryBound(to: UInt8.self)
      guard let base = octets.baseAddress, !octets.isEmpty else { return nil }
      self.input = (base, bytes.readerIndex)
      defer { self.input = nil }
      return self.enterLibrary { nghttp2_session_mem_recv($0, base, octets.count) }
    }
    guard let consumed, let handle = self.handle else { return }
    if consumed < 0 {
      self.stopForLibraryError(consumed)
    } else if nghttp2_session_get_outbound_queue_size(handle) > self.maxOutboundFrames {
      self.stop(.enhanceYourCalm, "too many frames wait for the peer to read")
    }
  }

  /// nghttp2 gives up on these errors without a word to the peer, so the word is ours.
  final func stopForLibraryError(_ result: Int) {
    switch Int32(truncatingIfNeeded: result) {
    case NGHTTP2_ERR_FLOODED.rawValue:
      self.stop(.enhanceYourCalm, "too many acknowledgements or settings")
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue:
      self.stop(.continuations)
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue:
      self.stop(.protocolError, "the connection preface is not HTTP/2's")
    default:
      self.stop(.internalError, "HTTP/2 processing failed")
    }
  }

  // MARK: - Frames

  /// A frame's header has come, whatever will come of the frame.
  final func frameBegan(type: UInt32) -> Int32 {
    self.stats.framesReceived &+= 1
    let flood: FloodGuard.Flood?
    switch type {
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
      self.floodGuard.receivedTraffic(now: self.now)
      flood = nil
    case NGHTTP2_CONTINUATION.rawValue:
      flood = self.floodGuard.receivedContinuation()
    case NGHTTP2_PING.rawValue, NGHTTP2_SETTINGS.rawValue, NGHTTP2_PRIORITY.rawValue,
      NGHTTP2_WINDOW_UPDATE.rawValue:
      flood = self.floodGuard.receivedControlFrame(now: self.now)
    default:
      flood = nil
    }
    return self.outcome(flood)
  }

  /// A frame is complete and valid.
  final func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    let isFlagSet = { (flag: nghttp2_flag) in header.flags & UInt8(truncatingIfNeeded: flag.rawValue) != 0 }
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
      self.headersReceived(
        header.stream_id,
        category: frame.pointee.headers.cat,
        endStream: isFlagSet(NGHTTP2_FLAG_END_STREAM)
      )
    case NGHTTP2_DATA.rawValue:
      let payload = header.length - min(frame.pointee.data.padlen, header.length)
      self.dataReceived(
        header.stream_id,
        isEmpty: payload == 0,
        endStream: isFlagSet(NGHTTP2_FLAG_END_STREAM)
      )
    case NGHTTP2_RST_STREAM.rawValue:
      self.stats.resetsReceived &+= 1
      return self.outcome(self.floodGuard.receivedReset(now: self.now))
    case NGHTTP2_SETTINGS.rawValue where !isFlagSet(NGHTTP2_FLAG_ACK):
      self.hasReceivedSettings = true
      self.events.append(.settings)
    case NGHTTP2_PING.rawValue where isFlagSet(NGHTTP2_FLAG_ACK):
      let opaque = withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
        $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      }
      self.events.append(.pingAcknowledged(opaque))
    case NGHTTP2_PING.rawValue:
      self.events.append(.pingReceived)
    case NGHTTP2_GOAWAY.rawValue:
      self.goAwayReceived(frame.pointee.goaway)
    default:
      break
    }
    return self.outcome(nil)
  }

  /// A frame broke the protocol; nghttp2 ends its stream or the connection, and reports nothing else of it.
  final func invalidFrameReceived(_ header: nghttp2_frame_hd) {
    self.stats.invalidFrames &+= 1
    if UInt32(header.type) == NGHTTP2_HEADERS.rawValue {
      self.fields.abandonBlock(of: header.stream_id)
    }
  }

  private func goAwayReceived(_ frame: nghttp2_goaway) {
    self.peerLastStream = frame.last_stream_id
    let debug = UnsafeBufferPointer(start: frame.opaque_data, count: min(frame.opaque_data_len, 1_024))
    self.events.append(
      .goAway(
        lastStream: frame.last_stream_id,
        code: HTTP2ErrorCode(rawValue: frame.error_code),
        debug: String(decoding: debug, as: UTF8.self)
      )
    )
  }

  // MARK: - Header blocks

  /// A header block begins. For a new request nghttp2 has opened the stream already.
  final func headerBlockBegan(_ stream: HTTP2StreamID, category: nghttp2_headers_category) -> Int32 {
    guard category == NGHTTP2_HCAT_REQUEST, let handle = self.handle else {
      self.fields.beginBlock(stream: stream)
      return 0
    }
    // GOAWAY, although it may not be out yet, says that this stream was not processed; the client will try again
    // elsewhere, so it must not run here. nghttp2 closes it when the frame goes out.
    guard !self.hasSubmittedGoAway else { return 0 }
    self.streamsInThisRead += 1
    guard self.streamsInThisRead <= self.maxNewStreamsPerRead else {
      // Not in the table, so the rest of the stream is dropped, and the reset is charged when it goes out.
      self.stats.streamsRefused &+= 1
      return nghttp2_submit_rst_stream(
        handle,
        UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
        stream,
        HTTP2ErrorCode.refusedStream.rawValue
      )
    }
    self.stats.streamsOpened &+= 1
    self.fields.beginBlock(stream: stream)
    self.streams[stream] = StreamState(inbound: stream)
    return 0
  }

  private func headersReceived(
    _ id: HTTP2StreamID,
    category: nghttp2_headers_category,
    endStream: Bool
  ) {
    let stream = self.streams[id]
    let isWanted = stream.map { !$0.dropsInbound } ?? false
    stream?.hasReceivedEnd = endStream
    guard let block = self.fields.endBlock(keep: isWanted), let stream, isWanted else { return }
    if let rejection = self.fields.rejection(of: block) {
      return self.reject(stream, isRequest: category == NGHTTP2_HCAT_REQUEST, rejection)
    }
    let range = block.firstField..<self.fields.fields.count
    let kind: HTTP2HeadersKind
    if category == NGHTTP2_HCAT_REQUEST {
      if let rejection = self.fields.rejection(ofRequest: range) {
        return self.reject(stream, isRequest: true, rejection)
      }
      stream.isAnnounced = true
      kind = .initial
    } else if stream.isInbound || stream.hasReceivedFinalHeaders {
      kind = .trailing
    } else if self.fields.isInformational(range) {
      kind = .informational
    } else {
      stream.hasReceivedFinalHeaders = true
      kind = .initial
    }
    self.events.append(.headers(stream: id, fields: range, kind: kind, endStream: endStream))
  }

  /// A request that cannot be handed up gets an answer; for any other header block the stream ends.
  private func reject(_ stream: StreamState, isRequest: Bool, _ rejection: HTTP2RequestRejection) {
    stream.dropsInbound = true
    guard isRequest else { return self.reset(stream.id, .enhanceYourCalm, isGlitch: stream.isInbound) }
    stream.isAnnounced = true
    self.stats.requestsRejected &+= 1
    self.events.append(.requestRejected(stream: stream.id, rejection))
    self.chargeGlitch()
  }

  // MARK: - Data

  /// Part of a DATA frame's payload, somewhere in the bytes that are being received.
  final func dataChunkReceived(_ id: HTTP2StreamID, at pointer: UnsafePointer<UInt8>, count: Int) -> Int32 {
    guard let handle = self.handle, let input = self.input else { return 0 }
    guard let stream = self.streams[id], !stream.dropsInbound else {
      return nghttp2_session_consume(handle, id, count)
    }
    stream.unconsumed += count
    let start = input.index + (pointer - input.base)
    self.events.append(.data(stream: id, range: start..<start + count, endStream: false))
    return 0
  }

  private func dataReceived(_ id: HTTP2StreamID, isEmpty: Bool, endStream: Bool) {
    if self.floodGuard.receivedData(isEmpty: isEmpty && !endStream) {
      self.chargeGlitch()
    }
    guard endStream, let stream = self.streams[id] else { return }
    stream.hasReceivedEnd = true
    guard !stream.dropsInbound else { return }
    if !isEmpty, case .data(id, let range, false)? = self.events.last {
      self.events.removeLast()
      self.events.append(.data(stream: id, range: range, endStream: true))
    } else {
      self.events.append(.data(stream: id, range: 0..<0, endStream: true))
    }
  }

  /// Returns flow-control credit for payload that the application has taken, to the stream and the connection.
  /// More than was received counts as what was received. Once the stream has ended this does nothing: its credit
  /// went back when it closed.
  public final func consume(_ stream: HTTP2StreamID, _ bytes: Int) {
    guard let handle = self.handle, let state = self.streams[stream] else { return }
    let credit = min(max(bytes, 0), state.unconsumed)
    guard credit > 0 else { return }
    state.unconsumed -= credit
    self.check(nghttp2_session_consume(handle, stream, credit))
  }

  /// Lets the peer have so many bytes on their way in each stream, those that are open included, and at least as many on
  /// the connection. Windows only grow; what is above 2^31-1 counts as that.
  public final func growWindows(to bytes: Int) {
    guard let handle = self.handle else { return }
    let none = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
    let window = Int32(clamping: bytes)
    if window > nghttp2_session_get_effective_local_window_size(handle) {
      self.check(nghttp2_session_set_local_window_size(handle, none, 0, window))
    }
    guard Int(window) > self.streamWindow else { return }
    // Acknowledged, it holds for the streams that are open too (RFC 9113, section 6.9.2).
    var entry = Setting.initialWindow(Int(window)).entry
    self.check(nghttp2_submit_settings(handle, none, &entry, 1))
  }

  // MARK: - Faults

  /// Charges the peer for a fault that a layer above has found: a broken message, a rule of its own protocol.
  public final func chargeGlitch(now: Int64) {
    self.now = now
    self.chargeGlitch()
  }

  final func chargeGlitch() {
    self.stats.glitches &+= 1
    if let flood = self.floodGuard.glitch(now: self.now) {
      self.stop(flood)
    }
  }

  /// What a callback returns: nghttp2 stops at once if the session is to be terminated.
  final func outcome(_ flood: FloodGuard.Flood?) -> Int32 {
    if let flood {
      self.stop(flood)
    }
    return self.pendingTermination == nil ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
  }

  /// Ends the session if nghttp2 could not do what it was asked for lack of memory. Any other refusal is about a
  /// stream that has just ended, and is no error.
  final func check(_ result: Int32) {
    if nghttp2_is_fatal(result) != 0 {
      self.stop(.internalError, "HTTP/2 processing failed")
    }
  }
}
