import BulwarkWire

/// How the connections of a client ping from now on: more slowly after each complaint of a server (gRFC A8).
///
/// Used on the client's event loop only.
final class KeepalivePace {
  private(set) var current: ClientKeepalive

  init(_ keepalive: ClientKeepalive) {
    self.current = keepalive
  }

  /// A server has complained about the PINGs of a connection that had this pace.
  func slowDown(from pace: ClientKeepalive) {
    self.current.slowDown(from: pace)
  }
}
