/// How bytes travel in one direction of a ``LinkedPair``.
public struct LinkConditions: Hashable, Sendable {
  /// How long a byte is on its way. Default: no time at all.
  public var latency: Duration = .zero
  /// The most by which a piece is late at random. Bytes never overtake each other. Default: none.
  public var jitter: Duration = .zero
  /// The sizes, in bytes, of the pieces in which bytes arrive, at random between these two. Default: as sent.
  public var pieces: ClosedRange<Int> = Int.max...Int.max
  /// How many bytes pass in a second. Default: nil, without limit.
  public var bytesPerSecond: Int?
  /// How many bytes can be on their way before the sender has to wait, as in a socket's buffer. Default 256 KiB.
  public var capacity: Int = 256 * 1024

  /// A perfect link.
  public init() {}
}

/// A direction of a ``LinkedPair``.
public enum LinkDirection: Hashable, Sendable {
  /// From the client to the server.
  case toServer
  /// From the server to the client.
  case toClient
}

/// A frame that a ``LinkedPair`` carries, or rather its header.
public struct LinkedFrame: Hashable, Sendable {
  /// The way it goes.
  public var direction: LinkDirection
  /// The number of frames that went this way before.
  public var index: Int
  /// The type.
  public var kind: RawFrame.Kind
  /// The flags.
  public var flags: RawFrame.Flags
  /// The stream, 0 for the connection.
  public var stream: Int32
  /// The payload's length in bytes.
  public var length: Int
}

/// What a test does to the link right after a frame.
public enum Interference: Hashable, Sendable {
  /// Ends the frame's stream for both sides with RST_STREAM of this code, as a proxy between them may.
  case resetStream(code: UInt32)
  /// Ends the connection when the frame has been delivered; what follows it is lost.
  case cut
}
