// What makes the policies manageable. Those without chance in them ignore the generator.

extension CircuitBreaker: Policy {
  public typealias Options = CircuitBreakerOptions
  public static var kind: PolicyKind { .circuitBreaker }
}

extension RateLimiter: Policy {
  public typealias Options = RateLimiterOptions
  public static var kind: PolicyKind { .rateLimiter }

  public convenience init(
    name: String,
    options: RateLimiterOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, clock: clock)
  }
}

extension KeyedRateLimiter: Policy {
  public typealias Options = KeyedRateLimiterOptions
  public static var kind: PolicyKind { .keyedRateLimiter }

  public convenience init(
    name: String,
    options: KeyedRateLimiterOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, clock: clock)
  }
}

extension Bulkhead: Policy {
  public typealias Options = BulkheadOptions
  public static var kind: PolicyKind { .bulkhead }

  public convenience init(
    name: String,
    options: BulkheadOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, clock: clock)
  }
}

extension Retry: Policy {
  public typealias Options = RetryOptions
  public static var kind: PolicyKind { .retry }

  /// A retry without a budget.
  public convenience init(
    name: String,
    options: RetryOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, budget: nil, clock: clock, random: random)
  }
}

extension Timeout: Policy {
  public typealias Options = TimeoutOptions
  public static var kind: PolicyKind { .timeout }

  public convenience init(
    name: String,
    options: TimeoutOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, clock: clock)
  }
}

extension Hedge: Policy {
  public typealias Options = HedgeOptions
  public static var kind: PolicyKind { .hedge }

  /// A hedge without a budget.
  public convenience init(
    name: String,
    options: HedgeOptions,
    clock: PolicyClock,
    random: RandomSource
  ) throws(InvalidOption) {
    try self.init(name: name, options: options, budget: nil, clock: clock, delay: nil)
  }
}
