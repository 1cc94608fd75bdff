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
  /// Checks each value, and that retry and hedging exclude each other.
  fileprivate func validate() throws(PolicyProblem) {
    if let fault = self.policy.outOfRange.first { throw PolicyProblem(fault, in: self, fault.field) }
    if self.policy.retry?.isOn == true, self.policy.hedging?.isOn == true {
      let fault = InvalidOption(
        field: "hedging",
        value: "set",
        allowed: "retry or hedging, one of them at a time"
      )
      throw PolicyProblem(fault, in: self, "hedging")
    }
  }
}

extension RetryPolicy {
  var isOn: Bool { self.mode != .off }
}

extension HedgingPolicy {
  var isOn: Bool { self.mode != .off }
}
