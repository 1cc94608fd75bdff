import BulwarkCore
import BulwarkResilience

/// The circuit breaker, the rate limiter and the bulkhead of a method on one side, each for all calls or per peer.
struct PolicyTrio: Sendable {
  var circuitBreaker: ScopedPolicy<CircuitBreaker>?
  var rateLimiter: ScopedPolicy<RateLimiter>?
  var bulkhead: ScopedPolicy<Bulkhead>?

  /// The policies that the annotations come to, made where they are not there yet.
  ///
  /// - Parameters:
  ///   - side: the end of the call.
  ///   - target: where a client's calls go, which each have policies of their own; nil on a server.
  init(
    _ effective: EffectivePolicy,
    on side: PolicySides,
    target: String?,
    from instances: inout PolicyInstances
  ) throws(PolicyProblem) {
    let policy = effective.policy
    if let rule = policy.circuitBreaker, rule.stands(on: side) {
      self.circuitBreaker = try rule.policy(effective.method, side, target, rule.options, from: &instances)
    }
    if let rule = policy.rateLimit, rule.stands(on: side) {
      self.rateLimiter = try rule.policy(effective.method, side, target, rule.options, from: &instances)
    }
    if let rule = policy.bulkhead, rule.stands(on: side) {
      self.bulkhead = try rule.policy(effective.method, side, target, rule.options, from: &instances)
    }
  }

  var isPerPeer: Bool {
    self.circuitBreaker?.isPerPeer ?? false || self.rateLimiter?.isPerPeer ?? false
      || self.bulkhead?.isPerPeer ?? false
  }

  func policies(for peer: String) -> CallPolicies {
    CallPolicies(
      circuitBreaker: self.circuitBreaker?.policy(for: peer),
      rateLimiter: self.rateLimiter?.policy(for: peer),
      bulkhead: self.bulkhead?.policy(for: peer)
    )
  }
}

extension CountingPolicy {
  fileprivate func policy<P: PeerPolicy>(
    _ method: MethodDescriptor,
    _ side: PolicySides,
    _ target: String?,
    _ options: P.Options,
    from instances: inout PolicyInstances
  ) throws(PolicyProblem) -> ScopedPolicy<P> {
    let name = policyName(self.name ?? method.description, target: target)
    // A client's calls go to one target, and its policies are those of that target.
    let scope = side == .client ? .shared : self.scope ?? .shared
    return try instances.policy(
      name,
      options,
      target: target,
      scope: scope,
      maximumPeers: self.maximumPeers ?? 10_000
    )
  }
}

/// The name that a manager knows a policy by: on a client that of the annotation and where the calls go.
func policyName(_ name: String, target: String?) -> String {
  target.map { "\(name)@\($0)" } ?? name
}
