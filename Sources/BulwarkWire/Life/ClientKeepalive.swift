import BulwarkCore

/// How a client finds out whether its server is still there (gRFC A8): when nothing has come for a while it sends a
/// PING, and when nothing comes then either the connection is given up and its calls fail with UNAVAILABLE.
///
/// Off by default, as in gRPC: a server that does not expect the pings ends the connection.
public struct ClientKeepalive: Hashable, Sendable {
  /// The least time between two pings that gRFC A8 lets a client choose.
  public static let minimumTime: Duration = .seconds(10)

  /// How long nothing must have come before a PING is sent; nil for never. Default nil. What is less than 10 s counts as
  /// 10 s.
  ///
  /// Each time that a server says `too_many_pings` the client doubles it, for all its later connections.
  public var time: Duration? {
    get { self.quiet }
    set { self.quiet = newValue.map { max($0, Self.minimumTime) } }
  }

  /// `time`, which tests may choose as short as they like.
  private var quiet: Duration?

  /// How long the client waits then for anything to come, at least 1 ms. Default 20 s.
  ///
  /// It is also how long the kernel may wait for bytes to be acknowledged on a TCP connection, while pings are on
  /// (`TCP_USER_TIMEOUT`, gRFC A18; Linux).
  public var timeout: Duration = .seconds(20)

  /// Whether it pings while no call is open. Default false; few servers permit it.
  public var pingsWithoutCalls = false

  /// No pings, or one after so much quiet.
  public init(time: Duration? = nil) {
    self.time = time
  }

  /// For tests, without the least time.
  package init(unboundedTime time: Duration, timeout: Duration, pingsWithoutCalls: Bool = false) {
    self.quiet = time
    self.timeout = timeout
    self.pingsWithoutCalls = pingsWithoutCalls
  }

  /// A server has ended a connection that pinged after so much quiet, because that was too often.
  ///
  /// Several connections of a client may be told the same; that is one complaint.
  package mutating func slowDown(from used: ClientKeepalive) {
    guard let current = self.quiet, let used = used.quiet else { return }
    let (doubled, overflow) = used.saturatedNanoseconds.multipliedReportingOverflow(by: 2)
    self.quiet = max(current, .nanoseconds(overflow ? .max : doubled))
  }
}
