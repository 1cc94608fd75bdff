package import BulwarkCore

/// Whether there have been no calls for so long that what serves them can be given up.
///
///     busy ──look: no call is open──▶ quiet ──look, after the timeout──▶ idle
///       ▲                               │
///       └──look: a call is or was there─┘
///
/// Calls do not touch it: it looks four times in a timeout at how many there are and have been. So it goes idle no
/// earlier than the timeout after the last call, and at most a quarter of it later.
package struct IdleMachine: Equatable, Sendable {
  private enum State: Equatable {
    case busy
    case quiet(since: MonotonicInstant)
    case idle
  }

  package enum OnTimer: Equatable {
    case doNothing
    case goIdle
  }

  private let timeout: Int64
  private let interval: Int64
  private var state = State.busy
  private var callsAtLastLook: UInt64 = 0
  /// When `fired` is due; nil if nothing waits for time.
  package private(set) var next: MonotonicInstant?

  /// - Parameter timeout: nil for never.
  package init(timeout: Duration?, now: MonotonicInstant) {
    self.timeout = max(timeout?.saturatedNanoseconds ?? .max, 1_000_000)
    self.interval = self.timeout / 4
    if timeout != nil {
      // Before the first call nothing has to be waited out.
      self.state = .quiet(since: now)
      self.next = now.advanced(byNanoseconds: self.interval)
    }
  }

  /// - Parameters:
  ///   - openCalls: how many calls are open.
  ///   - calls: how many there have been since the start.
  package mutating func fired(openCalls: Int, calls: UInt64, now: MonotonicInstant) -> OnTimer {
    guard let next = self.next, next <= now else { return .doNothing }
    let wasUsed = openCalls > 0 || calls != self.callsAtLastLook
    self.callsAtLastLook = calls
    self.next = now.advanced(byNanoseconds: self.interval)
    switch self.state {
    case .idle:
      break
    case .busy where openCalls == 0, .quiet where openCalls == 0 && wasUsed:
      // The last call may have ended just now.
      self.state = .quiet(since: now)
    case .busy,
      .quiet where wasUsed:
      self.state = .busy
    case .quiet(let since):
      let end = since.advanced(byNanoseconds: self.timeout)
      guard end <= now else {
        self.next = min(now.advanced(byNanoseconds: self.interval), end)
        return .doNothing
      }
      self.state = .idle
      self.next = nil
      return .goIdle
    }
    return .doNothing
  }
}
