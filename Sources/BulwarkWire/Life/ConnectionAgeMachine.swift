import BulwarkCore

/// The age of a server's connection (gRFC A9).
///
///     living ──maximum age──▶ draining ──grace──▶ over
struct ConnectionAgeMachine: Equatable {
  private enum State: Equatable {
    case living(until: MonotonicInstant)
    case draining(until: MonotonicInstant)
    case over
  }

  enum OnTimer: Equatable {
    case doNothing
    /// Take no new calls, and let those that run finish.
    case drain
    /// End the calls that still run.
    case abort
  }

  private let grace: Duration?
  private var state: State

  /// - Parameter jitter: a random number from -1 to 1; it makes the maximum age up to a tenth longer or shorter.
  init(maximum: Duration?, grace: Duration?, jitter: Double, now: MonotonicInstant) {
    self.grace = grace
    guard let maximum else {
      self.state = .living(until: .distantFuture)
      return
    }
    let jitter = jitter.isNaN ? 0 : min(max(jitter, -1), 1)
    self.state = .living(until: now.advanced(by: max(maximum, .milliseconds(1)) * (1 + jitter / 10)))
  }

  /// When `fired` is due; nil if nothing waits for time.
  var next: MonotonicInstant? {
    switch self.state {
    case .living(.distantFuture), .draining(.distantFuture), .over: nil
    case .living(let instant), .draining(let instant): instant
    }
  }

  mutating func fired(now: MonotonicInstant) -> OnTimer {
    switch self.state {
    case .living(let until) where until <= now:
      self.state = .draining(
        until: self.grace.map { now.advanced(by: max($0, .milliseconds(1))) } ?? .distantFuture
      )
      return .drain
    case .draining(let until) where until <= now:
      self.state = .over
      return .abort
    case .living, .draining, .over:
      return .doNothing
    }
  }
}
