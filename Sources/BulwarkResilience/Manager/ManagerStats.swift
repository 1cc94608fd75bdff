/// The figures of a manager's policies at one moment, by kind and name.
///
/// Every number carries its unit in its name; those without one are counts.
///
/// Policies of a program's own type are registered, found and heard like the others, but are not among these figures,
/// whose types have to be known to be read back: ask each for its ``Policy/stats``.
public struct ManagerStats: Hashable, Sendable, Codable {
  /// The circuit breakers.
  public var circuitBreakers: [String: CircuitBreakerStats] = [:]
  /// The rate limiters.
  public var rateLimiters: [String: RateLimiterStats] = [:]
  /// The rate limiters with a limit for each key, whatever their keys are.
  public var keyedRateLimiters: [String: KeyedRateLimiterStats] = [:]
  /// The bulkheads.
  public var bulkheads: [String: BulkheadStats] = [:]
  /// The retry policies.
  public var retries: [String: RetryStats] = [:]
  /// The hedging policies.
  public var hedges: [String: HedgeStats] = [:]
  /// The timeouts.
  public var timeouts: [String: TimeoutStats] = [:]

  /// The figures of no policy.
  public init() {}

  /// The figures as JSON with sorted keys: the same figures give the same text. Empty if a figure has no
  /// representation in JSON, which a policy of this library has none of.
  public var json: String { (try? JSONText.encode(self)) ?? "" }

  mutating func add(_ policy: any Policy) {
    switch policy {
    case let policy as CircuitBreaker: self.circuitBreakers[policy.name] = policy.stats
    case let policy as RateLimiter: self.rateLimiters[policy.name] = policy.stats
    case let policy as Bulkhead: self.bulkheads[policy.name] = policy.stats
    case let policy as Retry: self.retries[policy.name] = policy.stats
    case let policy as Hedge: self.hedges[policy.name] = policy.stats
    case let policy as Timeout: self.timeouts[policy.name] = policy.stats
    default:
      // A keyed limiter's type depends on its key; its figures do not.
      guard let stats = policy.stats as? KeyedRateLimiterStats else { return }
      self.keyedRateLimiters[policy.name] = stats
    }
  }
}
