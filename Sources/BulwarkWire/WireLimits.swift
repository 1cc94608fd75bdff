/// The bounds that one connection keeps above HTTP/2.
///
/// Together with `HTTP2Limits` they bound what a peer can make a connection hold: the connection's window, the
/// headers of the open streams, the messages being collected and the outbound cap.
public struct WireLimits: Hashable, Sendable {
  /// The largest message that is received, in bytes, as it comes and once it is decompressed. Default 4 MiB, as gRPC's
  /// other implementations.
  public var maxReceiveMessageBytes: Int = 4 * 1024 * 1024

  /// The largest message that is sent, in bytes. Default: what the 4-byte length can say.
  public var maxSendMessageBytes: Int = Int(UInt32.max)

  /// Server: how many calls of a connection may hold a handler at once, calls included whose stream is gone and
  /// whose handler has not returned yet. Above it new calls are refused (REFUSED_STREAM). Default 256.
  public var maxRunningHandlers: Int = 256

  /// Server: how many bytes of unary requests, as they come, a connection may be collecting at once. The call that goes
  /// above it fails with RESOURCE_EXHAUSTED. Default 64 MiB.
  public var maxCollectingBytes: Int = 64 * 1024 * 1024

  /// How long a peer may take to send its preface and SETTINGS, in nanoseconds. Default 10 s.
  public var handshakeTimeout: Int64 = 10_000_000_000

  /// How long a header block may take from its first frame to its last, in nanoseconds. Default 10 s.
  public var headerBlockTimeout: Int64 = 10_000_000_000

  /// How long a unary request may make no progress, or a response wait for a peer that does not read, in
  /// nanoseconds; the stream is then reset. Default 30 s.
  public var stallTimeout: Int64 = 30_000_000_000

  /// Server: how long the request of a unary call may be on its way while the call holds something of a gate, in
  /// nanoseconds; the call then fails with DEADLINE_EXCEEDED. Otherwise a client that sends headers and no body could
  /// hold every place of a bulkhead for as long as it likes. Default 5 s.
  public var heldCollectingTimeout: Int64 = 5_000_000_000

  /// How large, in bytes, a stream's flow-control window may become, and the connection's with it, when measurements show
  /// that windows hold the peer up, as they do between continents: 1 MiB in a round trip of 200 ms are 5 MiB a second.
  /// Nil for no larger than `HTTP2Limits.streamWindow`. Default nil, because a window is memory that a peer can bind;
  /// grpc-go goes up to 16 MiB (16,777,216).
  public var maxGrownWindow: Int?

  /// The longest `grpc-message` that is sent, in encoded bytes; a longer one is cut. Default 4 KiB.
  public var maxStatusMessageBytes: Int = 4096

  /// The largest list of metadata that is sent, in bytes, names and values. Default 16 KiB, what peers take.
  public var maxMetadataBytes: Int = 16 * 1024

  /// The defaults.
  public init() {}
}
