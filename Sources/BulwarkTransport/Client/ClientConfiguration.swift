public import BulwarkHTTP2
public import BulwarkWire

/// How a client runs.
public struct ClientConfiguration: Sendable {
  /// How the client speaks TLS; nil for plaintext. Default nil.
  public var tls: ClientTLS?

  /// The bounds of its connection's HTTP/2 layer.
  public var http2 = HTTP2Limits()

  /// The bounds of its connection's gRPC layer; the receive limit is the default of every call.
  public var limits = WireLimits()

  /// What requests are compressed with unless a call says otherwise, and what responses may be compressed with.
  public var compression = CompressionOptions()

  /// The delays between attempts to connect.
  public var backoff = ConnectionBackoff()

  /// How long one attempt to connect may take, the TLS handshake included. Default 20 s, as in gRPC's backoff document.
  public var connectTimeout: Duration = .seconds(20)

  /// How long ``Client/close()`` waits for the open calls before it cancels them. Default 30 s, as for a server.
  public var gracefulShutdownTimeout: Duration = .seconds(30)

  /// How many calls may wait for a connection, or for room on it. One above fails at once with
  /// RESOURCE_EXHAUSTED. Default 10,000.
  public var maxWaitingCalls = 10_000

  /// What the server sees as `:authority`; nil for the endpoint's host and port.
  public var authority: String?

  /// What the server sees as `user-agent`.
  public var userAgent = "bulwark-swift"

  /// The defaults.
  public init() {}
}
