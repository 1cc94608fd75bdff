import BulwarkCore
import BulwarkResilience
import Synchronization

/// What stands before the calls of one method on a server.
final class ServerPlan: Sendable {
  private let timeout: Int64?
  let idleTimeout: Duration?
  private let circuitBreaker: ScopedPolicy<CircuitBreaker>?
  private let rateLimiter: ScopedPolicy<RateLimiter>?
  private let bulkhead: ScopedPolicy<Bulkhead>?
  /// Whether the policies depend on who calls.
  private let isPerPeer: Bool
  /// The policies, where they do not.
  private let shared: AdmissionPlan
  /// The plans of peers that have called: each knows how the last refusal was put.
  private let peers = Mutex<[String: AdmissionPlan]>([:])
  /// What every call is told, if there is no way to protect the method.
  private let failure: RPCError?

  init(_ policy: MethodPolicy, policies: PolicyTrio, clock: PolicyClock) {
    self.timeout = policy.timeout?.saturatedNanoseconds
    self.idleTimeout = policy.idleTimeout
    self.circuitBreaker = policies.circuitBreaker
    self.rateLimiter = policies.rateLimiter
    self.bulkhead = policies.bulkhead
    self.isPerPeer = policies.isPerPeer
    self.shared = AdmissionPlan(
      policy,
      policies.isPerPeer ? CallPolicies() : policies.policies(for: ""),
      clock: clock
    )
    self.failure = nil
  }

  /// A plan that refuses every call.
  init(refusing failure: RPCError) {
    self.timeout = nil
    self.idleTimeout = nil
    self.circuitBreaker = nil
    self.rateLimiter = nil
    self.bulkhead = nil
    self.isPerPeer = false
    self.shared = AdmissionPlan(MethodPolicy(), CallPolicies(), clock: .system)
    self.failure = failure
  }

  /// Whether there is nothing to decide and nothing to bound.
  var isEmpty: Bool {
    self.timeout == nil && self.idleTimeout == nil && self.circuitBreaker == nil && self.rateLimiter == nil
      && self.bulkhead == nil
  }

  func admit(_ call: inout ArrivingCall) -> Admission {
    if let failure { return .rejected(failure) }
    if let timeout { call.limit(toNanoseconds: timeout) }
    guard self.isPerPeer else { return self.shared.admit(call) }
    return self.plan(for: call.peer.key).admit(call)
  }

  private func plan(for peer: String) -> AdmissionPlan {
    let policies = CallPolicies(
      circuitBreaker: self.circuitBreaker?.policy(for: peer),
      rateLimiter: self.rateLimiter?.policy(for: peer),
      bulkhead: self.bulkhead?.policy(for: peer)
    )
    return self.peers.withLock { plans in
      if let known = plans[peer], known.stands(on: policies) { return known }
      if plans.count >= Self.maximumPlans { plans.removeAll(keepingCapacity: true) }
      let made = AdmissionPlan(self.shared, policies)
      plans[peer] = made
      return made
    }
  }

  /// Beyond so many peers their plans are made anew: it is no more than a matter of speed.
  private static let maximumPlans = 1024
}
