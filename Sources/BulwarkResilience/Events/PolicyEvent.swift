/// Something that a policy did which an operator would want to know.
public struct PolicyEvent: Hashable, Sendable {
  /// What happened.
  public enum Occurrence: Hashable, Sendable {
    /// A circuit changed its state.
    case transitioned(CircuitTransition)
    /// An operation was refused.
    case rejected(Rejection.Reason, retryAfter: Duration?)
    /// An attempt failed, and another one starts after `delay`. `attempt` is the one that failed, from 1.
    case retrying(attempt: Int, delay: Duration)
    /// An attempt failed and there will be no other, though more were allowed.
    case gaveUp(attempt: Int, Rejection.Reason)
    /// A further attempt was started while an earlier one was still under way. `attempt` counts from 1.
    case hedged(attempt: Int)
    /// An operation ran out of its time.
    case timedOut(limit: Duration)
    /// The options were replaced.
    case reconfigured
  }

  /// The policy's kind.
  public var kind: PolicyKind
  /// The policy's name.
  public var policy: String
  /// When it happened, on the policy's clock.
  public var instant: PolicyClock.Instant
  /// What happened.
  public var occurrence: Occurrence

  /// An event of the policy of this name.
  public init(kind: PolicyKind, policy: String, instant: PolicyClock.Instant, occurrence: Occurrence) {
    self.kind = kind
    self.policy = policy
    self.instant = instant
    self.occurrence = occurrence
  }
}

/// Hears of each event at once, for instance to count it in a metrics system.
public protocol PolicyObserver: Sendable {
  /// Called on the thread that caused the event, after the policy has let go of its locks. Must not block; may use
  /// the policy.
  func observe(_ event: PolicyEvent)
}
