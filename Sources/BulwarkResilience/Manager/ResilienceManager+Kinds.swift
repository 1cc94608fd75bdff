extension ResilienceManager {
  /// The circuit breaker of this name; see ``policy(_:named:options:)``.
  public func circuitBreaker(
    _ name: String,
    _ options: CircuitBreakerOptions = CircuitBreakerOptions()
  ) throws(ManagerError) -> CircuitBreaker {
    try self.policy(CircuitBreaker.self, named: name, options: options)
  }

  /// The rate limiter of this name; see ``policy(_:named:options:)``.
  public func rateLimiter(_ name: String, _ options: RateLimiterOptions) throws(ManagerError) -> RateLimiter {
    try self.policy(RateLimiter.self, named: name, options: options)
  }

  /// The rate limiter of this name that has a limit for each key; see ``policy(_:named:options:)``.
  ///
  /// - Throws: ``ManagerError/nameTaken(kind:name:existing:given:)``, too, if the one of this name has other keys.
  public func keyedRateLimiter<Key: Hashable & Sendable>(
    _ name: String,
    by key: Key.Type,
    _ options: KeyedRateLimiterOptions
  ) throws(ManagerError) -> KeyedRateLimiter<Key> {
    try self.policy(KeyedRateLimiter<Key>.self, named: name, options: options)
  }

  /// The bulkhead of this name; see ``policy(_:named:options:)``.
  public func bulkhead(_ name: String, _ options: BulkheadOptions) throws(ManagerError) -> Bulkhead {
    try self.policy(Bulkhead.self, named: name, options: options)
  }

  /// The retry policy of this name; see ``policy(_:named:options:)``.
  public func retry(_ name: String, _ options: RetryOptions = RetryOptions()) throws(ManagerError) -> Retry {
    try self.policy(Retry.self, named: name, options: options)
  }

  /// The hedging policy of this name; see ``policy(_:named:options:)``.
  public func hedge(_ name: String, _ options: HedgeOptions = HedgeOptions()) throws(ManagerError) -> Hedge {
    try self.policy(Hedge.self, named: name, options: options)
  }

  /// The timeout of this name; see ``policy(_:named:options:)``.
  public func timeout(_ name: String, _ options: TimeoutOptions = TimeoutOptions()) throws(ManagerError)
    -> Timeout
  {
    try self.policy(Timeout.self, named: name, options: options)
  }
}
