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
  let id: HTTP2StreamID
  /// True for a stream of the peer: on a server every one, on a client none.
  let isInbound: Bool
  /// True once an event has been made for it; from then on it is owed `streamClosed`.
  var isAnnounced: Bool
  /// The header list was handed to nghttp2.
  var hasSubmittedHeaders: Bool
  /// nghttp2 has sent the header block.
  var hasSentHeaders = false
  /// The final response's headers have come (client).
  var hasReceivedFinalHeaders = false
  /// The peer has sent END_STREAM.
  var hasReceivedEnd = false
  /// Frames of the peer are counted, and credited, but not handed up.
  var dropsInbound = false
  /// RST_STREAM has been submitted by this side on purpose.
  var isResetting = false

  var outbound = OutboundQueue()
  /// No payload comes after what is queued.
  var isFinishing = false
  var trailers: HTTP2FieldList?
  /// nghttp2 has found the queue empty and waits to be resumed.
  var isDeferred = false
  /// The queue has been above the high-water mark and not below the low-water mark since.
  var isAboveHighWater = false
  /// Payload handed up and not consumed yet, in bytes.
  var unconsumed = 0

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
