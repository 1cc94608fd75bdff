/// What the engine keeps of one stream, beside nghttp2's own record.
///
/// ```
///              begin                 END_STREAM sent
///   (nothing) ------> live ---------------------------> sent       (a client's way: the request is out)
///                      |                                  |
///                      | reset, or END_STREAM sent before the request's end (a server's way)
///                      v                                  v
///                   resetting --- RST_STREAM sent ---> closed     (leaves the table)
/// ```
final class StreamState {
  // Free of dynamic exclusivity checks for the reason given at `HTTP2Session`.

  let id: HTTP2StreamID
  /// True for a stream of the peer: on a server every one, on a client none.
  let isInbound: Bool
  /// True once an event has been made for it; from then on it is owed `streamClosed`.
  @exclusivity(unchecked) var isAnnounced: Bool
  /// The header list was handed to nghttp2.
  @exclusivity(unchecked) var hasSubmittedHeaders: Bool
  /// nghttp2 has sent the header block.
  @exclusivity(unchecked) var hasSentHeaders = false
  /// The final response's headers have come (client).
  @exclusivity(unchecked) var hasReceivedFinalHeaders = false
  /// The peer has sent END_STREAM.
  @exclusivity(unchecked) var hasReceivedEnd = false
  /// Frames of the peer are counted, and credited, but not handed up.
  @exclusivity(unchecked) var dropsInbound = false
  /// RST_STREAM has been submitted by this side on purpose.
  @exclusivity(unchecked) var isResetting = false

  @exclusivity(unchecked) var outbound = OutboundQueue()
  /// No payload comes after what is queued.
  @exclusivity(unchecked) var isFinishing = false
  @exclusivity(unchecked) var trailers: HTTP2FieldList?
  /// nghttp2 has found the queue empty and waits to be resumed.
  @exclusivity(unchecked) var isDeferred = false
  /// The queue has been above the high-water mark and not below the low-water mark since.
  @exclusivity(unchecked) var isAboveHighWater = false
  /// Payload handed up and not consumed yet, in bytes.
  @exclusivity(unchecked) var unconsumed = 0

  init(inbound id: HTTP2StreamID) {
    self.id = id
    self.isInbound = true
    self.isAnnounced = false
    self.hasSubmittedHeaders = false
  }

  init(outbound id: HTTP2StreamID, isFinishing: Bool) {
    self.id = id
    self.isInbound = false
    self.isAnnounced = true
    self.hasSubmittedHeaders = true
    self.isFinishing = isFinishing
  }
}
