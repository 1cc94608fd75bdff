/// The steps of a graceful stop (RFC 9113 section 6.8): a GOAWAY that names no stream, a PING, and when its
/// acknowledgement shows that the peer has seen the first, the GOAWAY that names the last stream.
///
///     serving ──begin──▶ announcing ──sent──▶ announced ──ping acknowledged, or in vain──▶ draining
///
/// The PING is submitted only when the GOAWAY has gone out: HTTP/2 libraries send PINGs first.
struct ShutdownMachine {
  private enum State: Equatable {
    case serving
    case announcing
    case announced
    case draining
  }

  enum OnBegin: Equatable {
    /// Send the first GOAWAY.
    case announce
    case doNothing
  }

  enum OnSent: Equatable {
    /// Send a PING with this payload.
    case ping(UInt64)
    case doNothing
  }

  enum OnPing: Equatable {
    /// Send the last GOAWAY.
    case announceLast
    case doNothing
  }

  /// The payload of the PING, so that its acknowledgement is not taken for another's.
  private static let payload: UInt64 = 0x6275_6C77_6172_6B21

  private var state = State.serving
  /// Why, as the last GOAWAY says it.
  private(set) var reason = "shutdown"

  mutating func begin(_ reason: String = "shutdown") -> OnBegin {
    guard self.state == .serving else { return .doNothing }
    self.reason = reason
    self.state = .announcing
    return .announce
  }

  /// All that was submitted has gone out.
  mutating func sent() -> OnSent {
    guard self.state == .announcing else { return .doNothing }
    self.state = .announced
    return .ping(Self.payload)
  }

  mutating func pingAcknowledged(_ payload: UInt64) -> OnPing {
    guard self.state == .announced, payload == Self.payload else { return .doNothing }
    self.state = .draining
    return .announceLast
  }

  /// The peer has had more than enough time to acknowledge the PING.
  mutating func timedOut() -> OnPing {
    guard self.state == .announcing || self.state == .announced else { return .doNothing }
    self.state = .draining
    return .announceLast
  }
}
