/// The states of a circuit.
public enum CircuitState: String, Hashable, Sendable, Codable, CaseIterable {
  /// Everything passes, and outcomes are counted.
  case closed
  /// Nothing passes until the break is over.
  case open
  /// A few probes pass, and decide.
  case halfOpen
  /// The probes succeeded; a growing share passes until all does.
  case recovering
  /// By hand: nothing passes.
  case forcedOpen
  /// By hand: everything passes, and nothing is counted.
  case disabled
  /// By hand: everything passes and is counted, and what would have been refused is counted as that.
  case metricsOnly
}

/// A circuit's change from one state to another.
public struct CircuitTransition: Hashable, Sendable, Codable {
  /// Why a circuit changed its state.
  public enum Cause: String, Hashable, Sendable, Codable, CaseIterable {
    /// The share of failures reached its threshold.
    case failureRate
    /// Too many calls in a row failed.
    case consecutiveFailures
    /// The share of slow calls reached its threshold.
    case slowCallRate
    /// The break is over.
    case breakOver
    /// Enough probes succeeded.
    case probesSucceeded
    /// More probes failed, or did not settle within their lease, than the success threshold leaves room for.
    case probeFailed
    /// The whole share passes again.
    case recovered
    /// Somebody asked for it.
    case manual
  }

  /// The state before.
  public var from: CircuitState
  /// The state after.
  public var to: CircuitState
  /// Why.
  public var cause: Cause
  /// For a circuit that opened: how long its break is.
  public var breakDuration: Duration?
  /// Which transition of its breaker it is, from 1. Two that follow each other at once may be told in either order, by
  /// two threads: the state is that of the highest number. It comes round, to 0, after four billion.
  public var sequence: UInt32

  /// A change of state.
  public init(
    from: CircuitState,
    to: CircuitState,
    cause: Cause,
    breakDuration: Duration? = nil,
    sequence: UInt32 = 0
  ) {
    self.from = from
    self.to = to
    self.cause = cause
    self.breakDuration = breakDuration
    self.sequence = sequence
  }
}
