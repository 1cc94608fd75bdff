import BulwarkCore
import BulwarkResilience

/// The three policies that a call, or an attempt, takes something of before it starts.
struct CallPolicies: Sendable {
  var circuitBreaker: CircuitBreaker?
  var rateLimiter: RateLimiter?
  var bulkhead: Bulkhead?

  var isEmpty: Bool { self.circuitBreaker == nil && self.rateLimiter == nil && self.bulkhead == nil }
}

/// Which of the three only watch.
struct ShadowedPolicies: OptionSet, Sendable {
  let rawValue: UInt8

  static let circuitBreaker = ShadowedPolicies(rawValue: 1)
  static let rateLimiter = ShadowedPolicies(rawValue: 2)
  static let bulkhead = ShadowedPolicies(rawValue: 4)

  init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  init(of policy: MethodPolicy) {
    self = []
    if policy.circuitBreaker?.mode == .shadow { self.insert(.circuitBreaker) }
    if policy.rateLimit?.mode == .shadow { self.insert(.rateLimiter) }
    if policy.bulkhead?.mode == .shadow { self.insert(.bulkhead) }
  }
}
