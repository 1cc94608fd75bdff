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

  // In nanoseconds, and `distantFuture` for a timer that does not run: each connection holds them.
  private let headerBlockTimeout: Int64
  private let sweepInterval: Int64
  private var handshake: MonotonicInstant
  private var headerBlock = MonotonicInstant.distantFuture
  private var sweep = MonotonicInstant.distantFuture

  init(limits: WireLimits, now: MonotonicInstant) {
    self.headerBlockTimeout = limits.headerBlockTimeout
    // A stall is noticed at most a third late.
    self.sweepInterval = max(limits.stallTimeout / 3, 1)
    self.handshake = now.advanced(byNanoseconds: limits.handshakeTimeout)
  }

  /// The earliest of the timers that run.
  var next: MonotonicInstant? {
    let earliest = min(self.handshake, self.headerBlock, self.sweep)
    return earliest == .distantFuture ? nil : earliest
  }

  mutating func received(hasSettings: Bool, insideHeaderBlock: Bool, now: MonotonicInstant) {
    if hasSettings {
      self.handshake = .distantFuture
    }
    if !insideHeaderBlock {
      self.headerBlock = .distantFuture
    } else if self.headerBlock == .distantFuture {
      self.headerBlock = now.advanced(byNanoseconds: self.headerBlockTimeout)
    }
  }

  mutating func streamOpened(now: MonotonicInstant) {
    if self.sweep == .distantFuture {
      self.sweep = now.advanced(byNanoseconds: self.sweepInterval)
    }
  }

  mutating func swept(streamsOpen: Bool, now: MonotonicInstant) {
    self.sweep = streamsOpen ? now.advanced(byNanoseconds: self.sweepInterval) : .distantFuture
  }

  mutating func fired(now: MonotonicInstant) -> OnFired {
    if self.handshake <= now {
      self.handshake = .distantFuture
      return .handshakeTimedOut
    }
    if self.headerBlock <= now {
      self.headerBlock = .distantFuture
      return .headerBlockTimedOut
    }
    return self.sweep <= now ? .sweep : .none
  }
}
