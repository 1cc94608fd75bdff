/// What a session has learnt from its peer or done with a stream.
///
/// Events come in the order of the wire. For each stream that was announced by ``headers`` or
/// ``requestRejected`` (server) or opened by `sendRequest` (client), ``streamClosed`` comes exactly once, and
/// nothing of that stream comes after it.
public enum HTTP2Event: Hashable, Sendable {
  /// The peer's SETTINGS arrived, the first or later ones. They are in force already.
  case settings
  /// A header block is complete. `fields` are indices for ``HTTP2Session/field(_:)``, valid until the last
  /// event has been taken.
  case headers(stream: HTTP2StreamID, fields: Range<Int>, kind: HTTP2HeadersKind, endStream: Bool)
  /// Payload of DATA frames, without padding. `range` is in indices of the `ByteBuffer` that was handed to the
  /// last `receive`. Every byte must be given back with ``HTTP2Session/consume(_:_:)`` once it has been used.
  /// An empty range comes only with `endStream`.
  case data(stream: HTTP2StreamID, range: Range<Int>, endStream: Bool)
  /// Server only: the request's header block breaks a limit or cannot be a call. No other event but
  /// ``streamClosed`` follows for this stream, whatever the peer sends; an answer may be sent.
  case requestRejected(stream: HTTP2StreamID, HTTP2RequestRejection)
  /// The stream's send queue fell below 64 KiB after it had been above 256 KiB.
  case streamWritable(stream: HTTP2StreamID)
  /// The stream has ended; its queue and its flow-control credit are gone.
  case streamClosed(stream: HTTP2StreamID, code: HTTP2ErrorCode, by: HTTP2Closer)
  /// The peer announced the end of the connection: streams above `lastStream` were not processed, and each
  /// ends with its own ``streamClosed`` (REFUSED_STREAM). `debug` is at most 1,024 bytes of the peer's text.
  case goAway(lastStream: HTTP2StreamID, code: HTTP2ErrorCode, debug: String)
  /// A PING of ours came back, with the eight bytes that it carried.
  case pingAcknowledged(UInt64)
  /// A PING of the peer has come; its acknowledgement is queued already.
  case pingReceived
}

/// The place of a header block in its stream.
public enum HTTP2HeadersKind: Hashable, Sendable {
  /// The request's headers, or the final response's.
  case initial
  /// A 1xx response, before the final one.
  case informational
  /// Trailers, after the body.
  case trailing
}

/// Who ended a stream.
public enum HTTP2Closer: Hashable, Sendable {
  /// The peer: by RST_STREAM, or by being the last to end its half.
  case peer
  /// This side: by RST_STREAM, or by being the last to end its half.
  case local
  /// The connection: it was closed or terminated, or the peer's GOAWAY left this stream out.
  case connection
}

/// Why a request was not handed up.
public enum HTTP2RequestRejection: Hashable, Sendable {
  /// The sum over all fields of name, value and 32 (RFC 9113, section 6.5.2) is above the limit, in bytes.
  case headerListTooLarge(bytes: Int, limit: Int)
  /// There are more fields than the limit.
  case tooManyFields(count: Int, limit: Int)
  /// `:scheme` is neither `http` nor `https`, or is `http` where the connection requires `https`.
  case invalidScheme
  /// `:path` is missing or is not `/service/method` with two segments that are not empty.
  case invalidPath
}
