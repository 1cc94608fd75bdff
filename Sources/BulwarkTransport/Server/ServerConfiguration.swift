public import BulwarkCore
public import BulwarkHTTP2
public import BulwarkWire

/// How a server runs. Every default is meant to be safe in production.
public struct ServerConfiguration: Sendable {
  /// How the server speaks TLS; nil for plaintext. Default nil.
  public var tls: ServerTLS?

  /// The bounds of a connection's HTTP/2 layer.
  public var http2 = HTTP2Limits()

  /// The bounds of a connection's gRPC layer.
  public var limits = WireLimits()

  /// How long a connection lives, and how often its client may ping.
  public var connectionLife = ServerConnectionLife()

  /// What responses are compressed with unless a call says otherwise, and what requests may be compressed with.
  public var compression = CompressionOptions()

  /// How many connections are held at once; one above it is closed as soon as it was accepted. Default 10,000.
  public var maxConnections = 10_000

  /// How long a graceful stop waits for the calls in flight before it cancels them. Default 30 s.
  public var gracefulShutdownTimeout: Duration = .seconds(30)

  /// How long a stop waits for cancelled handlers to return and for last bytes to go. Default 5 s.
  public var abortTimeout: Duration = .seconds(5)

  /// Where the server and its connections are to be seen, for channelz; nil for nowhere, which costs nothing. Default nil.
  public var channelz: ChannelzRegistry?

  /// How many connections may wait in the kernel to be accepted; the kernel may allow fewer (Linux: `net.core.somaxconn`,
  /// 4,096 by default). Those that come above it are dropped or reset. Default 4,096.
  public var backlog: Int32 = 4096

  /// The defaults.
  public init() {}
}
