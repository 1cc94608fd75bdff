/// The kinds of policy that this library has.
public enum PolicyKind: String, Hashable, Sendable, Codable, CaseIterable {
  case circuitBreaker
  case retry
  case hedge
  case rateLimiter
  case keyedRateLimiter
  case bulkhead
  case timeout
}
