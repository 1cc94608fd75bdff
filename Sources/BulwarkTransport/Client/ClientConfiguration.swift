public import BulwarkBalancing
public import BulwarkCore
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

  /// How calls are spread over the endpoints, where there are several. Default: all go to the first that can be
  /// connected.
  public var loadBalancing = LoadBalancingPolicy.pickFirst()

  /// When an endpoint is left out because its calls fail. Default: never.
  public var outlierDetection = OutlierDetectionOptions()

  /// The service whose health each endpoint is asked for when it is connected, and as long as it is
  /// (`grpc.health.v1.Health/Watch`, gRFC A17): calls go only where it is SERVING, or where nobody offers the health
  /// service. The empty name is that of the server as a whole; nil asks for none. Default nil. gRPC's pick_first does not
  /// ask; here every policy does.
  public var healthCheckedService: String?

  /// When a resolver is asked again. The delays after failures are those of ``backoff``.
  public var resolution = ResolutionOptions()

  /// How many connections to one endpoint there may be, 1 to 10: a further one is made while calls wait because those
  /// that there are have as many streams as the server allows (gRFC A105). Default 1.
  public var maxConnectionsPerEndpoint = 1

  /// How long one attempt to connect may take, the TLS handshake included. Default 20 s, as in gRPC's backoff document.
  public var connectTimeout: Duration = .seconds(20)

  /// Whether and when the client asks the server whether it is still there. Default: never.
  public var keepalive = ClientKeepalive()

  /// How long the client keeps a connection without calls, noticed at most a quarter late; the next call connects again.
  /// Nil for ever. Default 30 min, as in gRPC.
  public var idleTimeout: Duration? = .seconds(1800)

  /// How long ``Client/close()`` waits for the open calls before it cancels them. Default 30 s, as for a server.
  public var gracefulShutdownTimeout: Duration = .seconds(30)

  /// How many calls may wait for a connection, or for room on it. One above fails at once with
  /// RESOURCE_EXHAUSTED. Default 10,000.
  public var maxWaitingCalls = 10_000

  /// Where the client and its connections are to be seen, for channelz; nil for nowhere, which costs nothing. Default nil.
  public var channelz: ChannelzRegistry?

  /// What the server sees as `:authority`; nil for the endpoint's host and port.
  public var authority: String?

  /// What the server sees as `user-agent`.
  public var userAgent = "bulwark-swift"

  /// The defaults.
  public init() {}
}
