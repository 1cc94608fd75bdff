import BulwarkCore
public import BulwarkResilience

/// `retry`: makes further attempts at a call that failed (gRFC A6). It stands on clients.
public struct RetryPolicy: PolicyRecord {
  /// How many attempts there are, the first one included: 1 to 16; 3 by default.
  public var maximumAttempts: Int?
  /// The delay before the second attempt; 100 ms by default.
  public var initialBackoff: Duration?
  /// The longest delay; 30 s by default.
  public var maximumBackoff: Duration?
  /// By how much each delay is longer than the one before; 2 by default.
  public var backoffMultiplier: Double?
  /// Each delay is between (1 - jitter) and (1 + jitter) times what the backoff says: 0 to 1; 0.25 by default.
  public var jitter: Double?
  /// The codes after which another attempt is made; UNAVAILABLE by default. A server that says when to come back
  /// (`grpc-retry-pushback-ms`) is retried after RESOURCE_EXHAUSTED too.
  public var retryableCodes: StatusCodes?
  /// Whether it acts; ``PolicyMode/shadow`` counts the retries that would have been made.
  public var mode: PolicyMode?

  public init() {}

  public static let fields: [PolicyField<Self>] = [
    PolicyField("maximum_attempts", \.maximumAttempts), PolicyField("initial_backoff", \.initialBackoff),
    PolicyField("maximum_backoff", \.maximumBackoff), PolicyField("backoff_multiplier", \.backoffMultiplier),
    PolicyField("jitter", \.jitter), PolicyField("retryable_codes", \.retryableCodes),
    PolicyField("mode", \.mode),
  ]

  /// The settings with defaults where something was left open.
  public var options: RetryOptions {
    var options = RetryOptions(maximumAttempts: self.maximumAttempts ?? 3)
    if let initialBackoff { options.backoff.base = initialBackoff }
    if let maximumBackoff { options.backoff.maximum = maximumBackoff }
    if let backoffMultiplier { options.backoff.growth = .exponential(multiplier: backoffMultiplier) }
    if let jitter { options.backoff.jitter = .ratio(jitter) }
    return options
  }
}

/// `hedging`: makes a further attempt beside one that is slow, and takes the first answer (gRFC A6). It stands on
/// clients, and on methods that may be carried out more than once.
public struct HedgingPolicy: PolicyRecord {
  /// How many attempts there are, the first one included: 1 to 16; 2 by default.
  public var maximumAttempts: Int?
  /// How long an attempt is given before the next one starts beside it; 100 ms by default.
  public var delay: Duration?
  /// The codes after which the next attempt starts at once; any other failure ends the call. UNAVAILABLE by default.
  public var nonFatalCodes: StatusCodes?
  /// Whether it acts.
  public var mode: PolicyMode?

  public init() {}

  public static let fields: [PolicyField<Self>] = [
    PolicyField("maximum_attempts", \.maximumAttempts), PolicyField("delay", \.delay),
    PolicyField("non_fatal_codes", \.nonFatalCodes), PolicyField("mode", \.mode),
  ]

  /// The settings with defaults where something was left open.
  public var options: HedgeOptions {
    var options = HedgeOptions()
    if let maximumAttempts { options.maximumAttempts = maximumAttempts }
    if let delay { options.delay = delay }
    return options
  }
}

/// `retry_budget`: what all retries and hedges of a client's calls to one target may add to their load. Every call feeds
/// it, also of methods that are not retried. One budget in both forms: a share of the requests, or gRPC's tokens.
public struct RetryBudgetPolicy: PolicyRecord {
  /// Retries per request; 0.2 by default.
  public var ratio: Double?
  /// Retries per second whatever the requests; 10 by default.
  public var minimumPerSecond: Double?
  /// How long a request counts; 10 s by default.
  public var window: Duration?
  /// gRPC's form instead (gRFC A6, `retryThrottling`): the tokens there are, above 0 and at most 1,000.
  public var maximumTokens: Int?
  /// What a success gives back of a token; 0.1 by default.
  public var tokenRatio: Double?

  public init() {}

  public static let fields: [PolicyField<Self>] = [
    PolicyField("ratio", \.ratio), PolicyField("minimum_per_second", \.minimumPerSecond),
    PolicyField("window", \.window), PolicyField("maximum_tokens", \.maximumTokens),
    PolicyField("token_ratio", \.tokenRatio),
  ]

  /// The settings with defaults where something was left open.
  public var options: RetryBudgetOptions {
    if let maximumTokens { return .tokens(maximum: maximumTokens, ratio: self.tokenRatio ?? 0.1) }
    return .ratio(
      ofRequests: self.ratio ?? 0.2,
      minimumPerSecond: self.minimumPerSecond ?? 10,
      window: self.window ?? .seconds(10)
    )
  }
}
