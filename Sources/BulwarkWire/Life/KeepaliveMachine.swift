import BulwarkCore

/// Whether the peer is still there (gRFC A8): it is asked with a PING when nothing has come for a while, and given up
/// when nothing comes then either. Any byte is an answer.
///
///     quiet ──time──▶ asked ──timeout──▶ gaveUp
///      ▲ │              │
///      │ └──time, and no calls──▶ dormant ──call, after time──▶ asked
///      └──anything came─┴──────────────────┴ call, before
///
/// What is received costs one store: the timer is not moved, it looks at the store when it fires.
struct KeepaliveMachine: Equatable {
  private enum State: Equatable {
    case off
    case quiet(until: MonotonicInstant)
    case asked(lastRead: MonotonicInstant, look: MonotonicInstant, end: MonotonicInstant)
    case dormant
    case gaveUp
  }

  enum OnTimer: Equatable {
    case doNothing
    /// Send a PING with this payload.
    case ping(UInt64)
    /// The peer is gone.
    case giveUp
  }

  /// So that the acknowledgement is not taken for another PING's.
  static let payload: UInt64 = 0x6275_6C77_6C69_7665

  private let time: Int64
  private let timeout: Int64
  private let pingsWithoutCalls: Bool
  private var state: State
  private var lastRead: MonotonicInstant

  /// - Parameter time: how long nothing must have come; nil for no pings.
  init(time: Duration?, timeout: Duration, pingsWithoutCalls: Bool, now: MonotonicInstant) {
    self.time = max(time?.saturatedNanoseconds ?? .max, 1_000_000)
    self.timeout = max(timeout.saturatedNanoseconds, 1_000_000)
    self.pingsWithoutCalls = pingsWithoutCalls
    self.lastRead = now
    self.state = time == nil ? .off : .quiet(until: now.advanced(byNanoseconds: self.time))
  }

  /// When `fired` is due; nil if nothing waits for time.
  var next: MonotonicInstant? {
    switch self.state {
    case .quiet(let instant), .asked(_, let instant, _): instant
    case .off, .dormant, .gaveUp: nil
    }
  }

  /// Whether the next call has to be told: nobody has looked after the peer.
  var isDormant: Bool { self.state == .dormant }

  /// Bytes have come.
  mutating func received(now: MonotonicInstant) {
    self.lastRead = now
  }

  mutating func fired(hasCalls: Bool, now: MonotonicInstant) -> OnTimer {
    switch self.state {
    case .quiet(let until) where until <= now:
      guard !self.heardOfLate(now) else { return .doNothing }
      guard hasCalls || self.pingsWithoutCalls else {
        self.state = .dormant
        return .doNothing
      }
      return self.ask(now)
    case .asked(let lastRead, _, _) where self.lastRead != lastRead:
      self.state = .quiet(until: self.lastRead.advanced(byNanoseconds: self.time))
      return self.fired(hasCalls: hasCalls, now: now)
    case .asked(_, _, let end) where end <= now:
      self.state = .gaveUp
      return .giveUp
    case .asked(let lastRead, let look, let end) where look <= now:
      self.state = .asked(
        lastRead: lastRead,
        look: min(now.advanced(byNanoseconds: self.time), end),
        end: end
      )
      return .doNothing
    case .off, .quiet, .asked, .dormant, .gaveUp:
      return .doNothing
    }
  }

  /// A call begins.
  mutating func callStarted(now: MonotonicInstant) -> OnTimer {
    guard self.state == .dormant, !self.heardOfLate(now) else { return .doNothing }
    return self.ask(now)
  }

  /// Whether something came less than the keepalive time ago; then that is waited for.
  private mutating func heardOfLate(_ now: MonotonicInstant) -> Bool {
    let due = self.lastRead.advanced(byNanoseconds: self.time)
    guard due > now else { return false }
    self.state = .quiet(until: due)
    return true
  }

  private mutating func ask(_ now: MonotonicInstant) -> OnTimer {
    let end = now.advanced(byNanoseconds: self.timeout)
    // An answer is looked for in time for the next question, however long one may take.
    self.state = .asked(
      lastRead: self.lastRead,
      look: min(now.advanced(byNanoseconds: self.time), end),
      end: end
    )
    return .ping(Self.payload)
  }
}
