/// What a circuit breaker has seen, at one moment.
public struct CircuitBreakerStats: Hashable, Sendable, Codable {
  /// What the rolling window holds.
  public struct Window: Hashable, Sendable, Codable {
    /// Calls that settled as success or failure.
    public var calls: UInt64
    /// Those of them that failed.
    public var failures: UInt64
    /// Those of them that were slow, failed or not.
    public var slowCalls: UInt64
    /// Calls that were refused, or in metrics-only mode would have been.
    public var rejections: UInt64

    /// The share of calls that failed; `nil` without calls.
    public var failureRate: Double? { self.calls == 0 ? nil : Double(self.failures) / Double(self.calls) }
    /// The share of calls that were slow; `nil` without calls.
    public var slowCallRate: Double? { self.calls == 0 ? nil : Double(self.slowCalls) / Double(self.calls) }
  }

  /// What there was since the breaker was made.
  public struct Totals: Hashable, Sendable, Codable {
    /// Outcomes that counted as success, those of probes included.
    public var successes: UInt64 = 0
    /// Outcomes that counted as failure, those of probes included.
    public var failures: UInt64 = 0
    /// Those of both that were slow.
    public var slowCalls: UInt64 = 0
    /// Outcomes that said nothing.
    public var neutral: UInt64 = 0
    /// Outcomes that came too late to count: the circuit had changed its state since the call was admitted, or the
    /// probe's lease had run out.
    public var stale: UInt64 = 0
    /// Calls that were refused, or in metrics-only mode would have been.
    public var rejections: UInt64 = 0
    /// How often the circuit opened by itself, or in metrics-only mode would have.
    public var openings: UInt64 = 0
  }

  /// The probes of a half-open circuit.
  public struct Probes: Hashable, Sendable, Codable {
    /// Under way.
    public var underWay: Int
    /// Succeeded.
    public var succeeded: Int
    /// Failed.
    public var failed: Int
  }

  /// The state.
  public var state: CircuitState
  /// The state that the circuit would be in by itself; another than ``state`` in metrics-only mode alone.
  public var shadowState: CircuitState
  /// Counts the stretches of time within which outcomes count; each change of state begins one.
  public var generation: UInt32
  /// What the rolling window holds; outcomes are forgotten as the circuit closes.
  public var window: Window
  /// Failures since the last success.
  public var consecutiveFailures: UInt32
  /// The probes, if the circuit is half-open.
  public var probes: Probes?
  /// How long until an open circuit admits a probe, in nanoseconds; `nil` if it may admit now, or if it is held open by
  /// hand.
  public var retryAfterNanoseconds: Int64?
  /// What there was since the breaker was made.
  public var totals: Totals
}
