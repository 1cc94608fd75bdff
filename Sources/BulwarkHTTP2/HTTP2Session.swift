import CNghttp2
import DequeModule
import struct NIOCore.ByteBuffer

/// One side of an HTTP/2 connection: bytes in, events out, bytes out. It has no socket, no clock and no lock.
///
/// A session is used from one thread at a time. After each call that may move it on, drain ``nextEvent()``; after
/// `receive` and after anything was sent, take what there is with ``takeOutbound(into:limit:)``, drain once more
/// (what was sent may have closed streams), and look at ``isFinished``:
///
/// ```
/// session.receive(bytes, now: now)
/// while let event = session.nextEvent() { ... }
/// while session.takeOutbound(into: &buffer, limit: 65_536) { write(buffer) }
/// while let event = session.nextEvent() { ... }
/// if session.isFinished { close after the flush }
/// ```
///
/// `now` is nanoseconds of a monotonic clock. Nothing that a peer sends can trap: what breaks the protocol ends
/// the stream or the connection, as RFC 9113 says, and what breaks ``HTTP2Limits`` does what is said there.
public class HTTP2Session {
  // The properties that a call touches are free of dynamic exclusivity checks, which took a sixth of its time. No two
  // accesses overlap: a session is on one thread, its methods hold no access while they call nghttp2, and a callback
  // ends each of its accesses before the next.

  /// nghttp2's session. Nil once the session is closed or terminated: then nothing is sent or received any more.
  @exclusivity(unchecked) final var handle: OpaquePointer?
  /// The session's part in a memory that it shares.
  final var lease: HTTP2Memory.Lease?
  // Of the limits only what is asked for later: all of them are more than a tenth of the memory of a session.
  final let maxOutboundFrames: Int
  final let maxOutboundBytes: Int
  final let maxNewStreamsPerRead: Int
  final let streamWindow: Int
  @exclusivity(unchecked) final var streams = StreamTable<StreamState>()
  @exclusivity(unchecked) final var events = Deque<HTTP2Event>()
  @exclusivity(unchecked) final var fields: InboundFields
  @exclusivity(unchecked) final var floodGuard: FloodGuard
  @exclusivity(unchecked) final var now: Int64
  @exclusivity(unchecked) final var stats = HTTP2Counters()

  /// Where nghttp2's input of this moment begins, and the index in the caller's buffer that this is.
  @exclusivity(unchecked) final var input: (base: UnsafePointer<UInt8>, index: Int)?
  @exclusivity(unchecked) final var streamsInThisRead = 0
  /// The buffer that `takeOutbound` fills, while it does, and how long it may become.
  @exclusivity(unchecked) final var outbound = ByteBuffer()
  @exclusivity(unchecked) final var outboundEnd = 0
  /// Payload in all send queues together, in bytes.
  @exclusivity(unchecked) final var queuedTotal = 0

  /// True while nghttp2 is on the stack: it must not be entered again nor freed.
  @exclusivity(unchecked) final var isInsideLibrary = false
  /// Why the session has to be terminated as soon as nghttp2 has returned.
  @exclusivity(unchecked) final var pendingTermination: (code: HTTP2ErrorCode, debug: String)?
  /// The last bytes of a terminated session, until they are taken.
  final var lastWords: ByteBuffer?

  final var hasSentSettings = false
  /// True once the peer's first SETTINGS frame has arrived.
  public final internal(set) var hasReceivedSettings = false
  /// The last stream that the peer's GOAWAY lets finish, or nil before one came.
  final var peerLastStream: HTTP2StreamID?
  final var hasSubmittedGoAway = false

  /// The pending bytes of a queue above which ``HTTP2Event/streamWritable(stream:)`` will follow, once they are
  /// below the second figure.
  static let highWater = 256 * 1024
  static let lowWater = 64 * 1024

  /// - Parameter limits: each within its range.
  init(limits: HTTP2Limits, limitsResets: Bool, now: Int64) {
    self.maxOutboundFrames = limits.maxOutboundFrames
    self.maxOutboundBytes = limits.maxOutboundBytes
    self.maxNewStreamsPerRead = limits.maxNewStreamsPerRead
    self.streamWindow = limits.streamWindow
    self.now = now
    self.fields = InboundFields(limits: limits)
    self.floodGuard = FloodGuard(limits: limits, limitsResets: limitsResets, now: now)
  }

  deinit {
    // Frees without events: nobody is left to read them. The memory's thread may be another one.
    self.lease?.detach()
    nghttp2_session_del(self.handle)
  }
}

// MARK: - State

extension HTTP2Session {
  /// The next event, or nil. Events of a header block or of data refer to the last `receive`: drain them before
  /// the next one.
  public final func nextEvent() -> HTTP2Event? {
    if let event = self.events.popFirst() { return event }
    self.fields.shrink()
    return nil
  }

  /// The bytes of all header fields that the events of the last `receive` speak of. Valid until ``nextEvent()`` has
  /// returned nil.
  public final var fieldBytes: ArraySlice<UInt8> { self.fields.bytes }

  /// The places of a field in ``fieldBytes``, for an index out of ``HTTP2Event/headers(stream:fields:kind:endStream:)``;
  /// empty places for an index that is not valid any more.
  public final func field(_ index: Int) -> HTTP2Field {
    guard self.fields.fields.indices.contains(index) else {
      return HTTP2Field(start: 0, nameCount: 0, valueCount: 0)
    }
    return self.fields.fields[index]
  }

  /// True when nothing is to be read any more and no stream is left: take what ``takeOutbound(into:limit:)``
  /// still has, flush it, and close the connection. A session that was terminated, by this side's own limits or
  /// by ``terminate(code:debug:)``, is finished at once, whether the peer reads or not; one whose peer broke the
  /// protocol, once its GOAWAY has been taken.
  public final var isFinished: Bool {
    guard let handle = self.handle else { return true }
    return nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0
  }

  /// Streams that are open, whoever opened them.
  public final var openStreams: Int { self.streams.count }

  /// True while a header block has begun and its last fragment has not come: what a timer against slow headers
  /// has to watch.
  public final var isReceivingHeaderBlock: Bool { self.fields.block != nil }

  /// What was counted so far.
  public final var counters: HTTP2Counters { self.stats }

  /// Payload bytes that wait in this stream's send queue; 0 for a stream that has ended.
  public final func queuedBytes(_ stream: HTTP2StreamID) -> Int {
    self.streams[stream]?.outbound.count ?? 0
  }

  /// True while this stream's send queue has been above the high-water mark (256 KiB) and not below the low-water
  /// mark (64 KiB) since: a writer should wait for ``HTTP2Event/streamWritable(stream:)``.
  public final func isBackedUp(_ stream: HTTP2StreamID) -> Bool {
    self.streams[stream]?.isAboveHighWater ?? false
  }
}

// MARK: - Entering nghttp2

extension HTTP2Session {
  /// Runs a call that may run callbacks. A termination that a callback asked for happens after it.
  final func enterLibrary(_ body: (OpaquePointer) -> Int) -> Int? {
    guard let handle = self.handle, !self.isInsideLibrary else { return nil }
    self.isInsideLibrary = true
    let result = body(handle)
    self.isInsideLibrary = false
    if let (code, debug) = self.pendingTermination {
      self.pendingTermination = nil
      self.terminate(code: code, debug: debug)
      return nil
    }
    return result
  }

  /// Ends the session for a limit that the peer has broken, now or as soon as nghttp2 has returned.
  final func stop(_ flood: FloodGuard.Flood) {
    self.stop(.enhanceYourCalm, flood.rawValue)
  }

  final func stop(_ code: HTTP2ErrorCode, _ debug: String) {
    guard self.isInsideLibrary else { return self.terminate(code: code, debug: debug) }
    if self.pendingTermination == nil {
      self.pendingTermination = (code, debug)
    }
  }
}
