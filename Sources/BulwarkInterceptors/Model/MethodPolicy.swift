/// What protects a method: the one form that annotations in a .proto file, in Swift and in a configuration file have.
///
/// Everything may be left open, for a source of lower precedence or for the default of the policy itself. A section that
/// no source mentions is a policy that is not there.
public struct MethodPolicy: PolicyRecord {
  /// How long a call may take in all: the most that a client gives it, and the most that a server lets a handler run.
  public var timeout: Duration?
  /// How long each attempt may take, the wait for a token and a place not included.
  public var attemptTimeout: Duration?
  /// Whether a client's calls wait for a connection.
  public var waitForReady: Bool?
  /// After how long without a message either way a server ends a stream with DEADLINE_EXCEEDED.
  public var idleTimeout: Duration?
  public var retry: RetryPolicy?
  public var hedging: HedgingPolicy?
  public var retryBudget: RetryBudgetPolicy?
  public var circuitBreaker: CircuitBreakerPolicy?
  public var rateLimit: RateLimitPolicy?
  public var bulkhead: BulkheadPolicy?

  public init() {}

  public static let fields: [PolicyField<Self>] =
    [
      PolicyField("timeout", \.timeout), PolicyField("attempt_timeout", \.attemptTimeout),
      PolicyField("wait_for_ready", \.waitForReady), PolicyField("idle_timeout", \.idleTimeout),
    ]
    + section("retry", \.retry) + section("hedging", \.hedging) + section("retry_budget", \.retryBudget)
    + section("circuit_breaker", \.circuitBreaker) + section("rate_limit", \.rateLimit)
    + section("bulkhead", \.bulkhead)

  private static func section<Section: PolicyRecord>(
    _ key: String,
    _ path: any WritableKeyPath<Self, Section?> & Sendable
  ) -> [PolicyField<Self>] {
    [PolicyField(section: key, path)] + Section.fields.map { PolicyField($0, in: key, path) }
  }
}
