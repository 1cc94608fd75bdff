import BulwarkCore

/// The timers that a connection has beside the deadlines of its calls.
struct ConnectionTimers {
  enum OnFired: Equatable {
    case none
    /// The peer has not sent its SETTINGS in time.
    case handshakeTimedOut
    /// A header block was begun and not ended in time.
    case headerBlockTimedOut
    /// It is time to look for stalled streams.
    case sweep
  }

  private let headerBlockTimeout: Duration
  private let sweepInterval: Duration
  private var handshake: MonotonicInstant?
  private var headerBlock: MonotonicInstant?
  private var sweep: MonotonicInstant?

  init(limits: WireLimits, now: MonotonicInstant) {
    self.headerBlockTimeout = .nanoseconds(limits.headerBlockTimeout)
    // A stall is noticed at most a third late.
    self.sweepInterval = .nanoseconds(max(limits.stallTimeout / 3, 1))
    self.handshake = now.advanced(by: .nanoseconds(limits.handshakeTimeout))
  }

  /// The earliest of the timers that run.
  var next: MonotonicInstant? {
    let earliest = min(
      self.handshake ?? .distantFuture,
      self.headerBlock ?? .distantFuture,
      self.sweep ?? .distantFuture
    )
    return earliest == .distantFuture ? nil : earliest
  }

  mutating func received(hasSettings: Bool, insideHeaderBlock: Bool, now: MonotonicInstant) {
    if hasSettings {
      self.handshake = nil
    }
    if !insideHeaderBlock {
      self.headerBlock = nil
    } else if self.headerBlock == nil {
      self.headerBlock = now.advanced(by: self.headerBlockTimeout)
    }
  }

  mutating func streamOpened(now: MonotonicInstant) {
    if self.sweep == nil {
      self.sweep = now.advanced(by: self.sweepInterval)
    }
  }

  mutating func swept(streamsOpen: Bool, now: MonotonicInstant) {
    self.sweep = streamsOpen ? now.advanced(by: self.sweepInterval) : nil
  }

  mutating func fired(now: MonotonicInstant) -> OnFired {
    if let timer = self.handshake, timer <= now {
      self.handshake = nil
      return .handshakeTimedOut
    }
    if let timer = self.headerBlock, timer <= now {
      self.headerBlock = nil
      return .headerBlockTimedOut
    }
    if let timer = self.sweep, timer <= now {
      return .sweep
    }
    return .none
  }
}
