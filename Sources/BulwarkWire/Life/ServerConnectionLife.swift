/// How long a server's connections live, and how often their clients may ping (gRFCs A8 and A9).
///
/// A connection that is to end is drained: GOAWAY for no stream, a PING, GOAWAY for the last stream; calls that run may
/// finish. Times of zero or less count as 1 ms.
public struct ServerConnectionLife: Hashable, Sendable {
  /// How long nothing must have come from a client before it is sent a PING, whether it has calls or not; nil for
  /// never. Default 2 h, as in gRPC.
  public var keepaliveTime: Duration? = .seconds(7200)

  /// How long the server waits then for anything to come before it ends the connection. Default 20 s, as in gRPC.
  ///
  /// It is also how long the kernel may wait for bytes to be acknowledged on a TCP connection, while pings are on
  /// (`TCP_USER_TIMEOUT`, gRFC A18; Linux).
  public var keepaliveTimeout: Duration = .seconds(20)

  /// The least time between two PINGs of a client, unless HEADERS or DATA were sent to it meanwhile. A PING that is
  /// early by a tenth is let pass, since a network spaces pings unevenly. Default 10 s, the least that clients may
  /// choose; gRPC has 5 min, which no validator can use that wants to know within seconds.
  public var minPingInterval: Duration = .seconds(10)

  /// Whether that holds for a client without open calls too; otherwise there it is 2 h. Default false, as in gRPC.
  public var permitsPingsWithoutCalls = false

  /// How many PINGs may come too early; with the next the connection ends: GOAWAY, ENHANCE_YOUR_CALM,
  /// `too_many_pings`. Sending HEADERS or DATA forgives those before. Default 2, as in gRPC.
  public var maxPingStrikes = 2

  /// How long a connection may be without open calls before it is drained, noticed at most a quarter late; nil for
  /// ever. Default nil, as in gRPC.
  public var maxIdle: Duration?

  /// How old a connection may become before it is drained, give or take a tenth by chance, so that clients that came
  /// together do not leave together; nil for ever. Default nil, as in gRPC.
  public var maxAge: Duration?

  /// How long the calls of a connection that has become too old may go on; then they fail with UNAVAILABLE. Default
  /// nil, for ever, as in gRPC.
  public var maxAgeGrace: Duration?

  /// The defaults.
  public init() {}
}
