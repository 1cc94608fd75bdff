import BulwarkCore

/// Whether a client pings too often (gRFC A8). A PING that comes too early is a strike; HEADERS or DATA sent since the
/// last PING forgive all strikes, because a client may measure with PINGs what it receives.
struct PingStrikesMachine: Equatable {
  enum OnPing: Equatable {
    case accept
    /// End the connection.
    case refuse
  }

  /// What TCP keeps between its probes (RFC 1122, section 4.2.3.6), for connections without calls.
  private static let intervalWithoutCalls: Int64 = 7_200_000_000_000

  private let interval: Int64
  private let intervalWithoutCalls: Int64
  private let maxStrikes: Int
  private var strikes = 0
  private var lastPing: MonotonicInstant?
  private var sentAtLastPing: UInt64 = 0

  init(_ life: ServerConnectionLife) {
    self.interval = max(life.minPingInterval.saturatedNanoseconds, 0)
    self.intervalWithoutCalls =
      life.permitsPingsWithoutCalls ? self.interval : max(self.interval, Self.intervalWithoutCalls)
    self.maxStrikes = max(life.maxPingStrikes, 0)
  }

  /// A PING has come.
  ///
  /// - Parameter sent: how many HEADERS and DATA frames were sent on the connection so far.
  mutating func received(sent: UInt64, hasCalls: Bool, now: MonotonicInstant) -> OnPing {
    defer {
      self.lastPing = now
      self.sentAtLastPing = sent
    }
    guard sent == self.sentAtLastPing else {
      self.strikes = 0
      return .accept
    }
    let interval = hasCalls ? self.interval : self.intervalWithoutCalls
    guard let lastPing, lastPing.advanced(byNanoseconds: interval - interval / 10) > now else {
      return .accept
    }
    self.strikes += 1
    return self.strikes > self.maxStrikes ? .refuse : .accept
  }
}
