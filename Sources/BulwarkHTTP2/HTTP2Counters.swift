/// What a session has counted since it began. Counters wrap around and never go down.
public struct HTTP2Counters: Hashable, Sendable {
  /// Bytes handed to `receive`.
  public var bytesReceived: UInt64 = 0
  /// Bytes handed out by `takeOutbound`.
  public var bytesSent: UInt64 = 0
  /// Frames received; frames of unknown types and frames for streams that have ended are not seen.
  public var framesReceived: UInt64 = 0
  /// Frames sent.
  public var framesSent: UInt64 = 0
  /// HEADERS and DATA frames sent: what a peer that pings may take for a reason (gRFC A8).
  public var headersAndDataSent: UInt64 = 0
  /// Streams that either side has opened.
  public var streamsOpened: UInt64 = 0
  /// Requests not handed up because of their header block.
  public var requestsRejected: UInt64 = 0
  /// Streams refused because one read brought too many.
  public var streamsRefused: UInt64 = 0
  /// RST_STREAM frames received.
  public var resetsReceived: UInt64 = 0
  /// RST_STREAM frames sent, for whatever reason.
  public var resetsSent: UInt64 = 0
  /// Faults of the peer that ended a stream or were let pass, and were charged to the glitch budget.
  public var glitches: UInt64 = 0
  /// Frames that the peer sent and that broke the protocol.
  public var invalidFrames: UInt64 = 0
  /// Frames of ours that could not be sent.
  public var framesNotSent: UInt64 = 0
}
