import BulwarkCore
import BulwarkResilience

/// What the sources come to for every method there may be: the same for all methods that the same annotations are for.
struct PolicyTable: Sendable {
  /// The sources, the one of the highest precedence first.
  let sources: [PolicySet]
  /// For each selector that any source has, what a method comes to that it is the most specific one of.
  private let policies: [PolicySelector: EffectivePolicy]

  /// - Throws: ``PolicyProblem`` for the first annotation that does not work.
  init(_ sources: [PolicySet]) throws(PolicyProblem) {
    self.sources = sources
    var policies: [PolicySelector: EffectivePolicy] = [:]
    let selectors = Set(sources.flatMap { $0.policies.keys })
    for selector in selectors {
      policies[selector] = EffectivePolicy(of: selector.sample, from: sources)
    }
    let inOrder = policies.sorted { "\($0.key)" < "\($1.key)" }.map(\.value)
    let groups = try PolicyGroups(of: inOrder)
    self.policies = policies.mapValues { groups.completing($0) }
    for policy in self.policies.sorted(by: { "\($0.key)" < "\($1.key)" }).map(\.value) {
      try policy.validate()
    }
  }

  /// What the method comes to.
  func policy(for method: MethodDescriptor) -> EffectivePolicy {
    let exact = PolicySelector.method(service: method.service, method.method)
    let found = self.policies[exact] ?? self.policies[.service(method.service)]
    if let found { return found.applied(to: method) }
    guard method.service != PolicySet.healthService, let all = self.policies[.all] else {
      return EffectivePolicy(of: method, from: [])
    }
    return all.applied(to: method)
  }

  /// Whether any annotation makes a client call more than once.
  var hasReissues: Bool {
    self.policies.values.contains { $0.policy.retry != nil || $0.policy.hedging != nil }
  }
}

extension PolicySelector {
  /// A method that this is the most specific selector of.
  fileprivate var sample: MethodDescriptor {
    switch self {
    case .all: MethodDescriptor(service: "*", method: "*", kind: .unary)
    case .service(let service): MethodDescriptor(service: service, method: "*", kind: .unary)
    case .method(let service, let method): MethodDescriptor(service: service, method: method, kind: .unary)
    }
  }
}

extension EffectivePolicy {
  /// Checks each value, and what can be checked of them together.
  fileprivate func validate() throws(PolicyProblem) {
    try self.check("circuit_breaker") { () throws(InvalidOption) in
      try self.policy.circuitBreaker?.options.validate()
    }
    try self.check("rate_limit") { () throws(InvalidOption) in try self.policy.rateLimit?.options.validate() }
    try self.check("bulkhead") { () throws(InvalidOption) in
      try self.policy.bulkhead?.options.validate()
      if let bulkhead = self.policy.bulkhead, let weight = bulkhead.weight {
        let most = bulkhead.options.maximumConcurrent
        guard (1...most).contains(weight) else {
          throw InvalidOption(
            field: "weight",
            value: "\(weight)",
            allowed: "1 to maximum_concurrent, \(most)"
          )
        }
      }
    }
    try self.check("retry") { () throws(InvalidOption) in try self.policy.retry?.options.validate() }
    try self.check("hedging") { () throws(InvalidOption) in try self.policy.hedging?.options.validate() }
    try self.check("retry_budget") { () throws(InvalidOption) in
      try self.policy.retryBudget?.options.validate()
    }
    for (key, limit) in self.policy.limits where limit <= .zero || limit > .seconds(10 * 365 * 86_400) {
      let fault = InvalidOption(
        field: key,
        value: limit.policyText,
        allowed: "more than 0, at most ten years"
      )
      throw PolicyProblem(fault, in: self, key)
    }
    for (key, peers) in self.policy.peerLimits where !(1...1_000_000).contains(peers) {
      throw PolicyProblem(
        InvalidOption(field: key, value: "\(peers)", allowed: "1 to 1,000,000"),
        in: self,
        key
      )
    }
    if self.policy.retry?.isOn == true, self.policy.hedging?.isOn == true {
      let fault = InvalidOption(
        field: "hedging",
        value: "set",
        allowed: "retry or hedging, one of them at a time"
      )
      throw PolicyProblem(fault, in: self, "hedging")
    }
  }

  private func check(_ section: String, _ body: () throws(InvalidOption) -> Void) throws(PolicyProblem) {
    do throws(InvalidOption) {
      try body()
    } catch {
      let key = "\(section).\(error.field.snakeCased)"
      throw PolicyProblem(
        InvalidOption(field: key, value: error.value, allowed: error.allowed),
        in: self,
        key
      )
    }
  }
}

extension MethodPolicy {
  fileprivate var limits: [(String, Duration)] {
    [("timeout", self.timeout), ("attempt_timeout", self.attemptTimeout), ("idle_timeout", self.idleTimeout)]
      .compactMap { key, limit in limit.map { (key, $0) } }
  }

  fileprivate var peerLimits: [(String, Int)] {
    [
      ("circuit_breaker.maximum_peers", self.circuitBreaker?.maximumPeers),
      ("rate_limit.maximum_peers", self.rateLimit?.maximumPeers),
      ("bulkhead.maximum_peers", self.bulkhead?.maximumPeers),
    ].compactMap { key, peers in peers.map { (key, $0) } }
  }
}

extension RetryPolicy {
  var isOn: Bool { self.mode != .off }
}

extension HedgingPolicy {
  var isOn: Bool { self.mode != .off }
}

extension String {
  /// `failureThreshold` as `failure_threshold`.
  fileprivate var snakeCased: String {
    self.reduce(into: "") { result, character in
      result += character.isUppercase ? "_" + character.lowercased() : String(character)
    }
  }
}
