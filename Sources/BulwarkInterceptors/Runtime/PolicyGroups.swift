import BulwarkCore
import BulwarkResilience

/// The settings of the policies that methods share by name.
///
/// They may be given at any one of the methods; the others only need the name. Where several give the same setting, the
/// one of the highest precedence counts, and two of the same precedence must agree.
struct PolicyGroups {
  /// The settings of one group, and who gave each of them, by the field's key.
  fileprivate struct Group<Record: CountingPolicy> {
    var record = Record()
    var givers: [String: EffectivePolicy] = [:]
  }

  private let circuitBreakers: [String: Group<CircuitBreakerPolicy>]
  private let rateLimits: [String: Group<RateLimitPolicy>]
  private let bulkheads: [String: Group<BulkheadPolicy>]

  init(of members: [EffectivePolicy]) throws(PolicyProblem) {
    self.circuitBreakers = try Self.groups(of: members, "circuit_breaker", \.circuitBreaker)
    self.rateLimits = try Self.groups(of: members, "rate_limit", \.rateLimit)
    self.bulkheads = try Self.groups(of: members, "bulkhead", \.bulkhead)
  }

  /// The policy of a member with the settings of its groups.
  func completing(_ member: EffectivePolicy) -> EffectivePolicy {
    var member = member
    member.complete("circuit_breaker", \.circuitBreaker, from: self.circuitBreakers)
    member.complete("rate_limit", \.rateLimit, from: self.rateLimits)
    member.complete("bulkhead", \.bulkhead, from: self.bulkheads)
    return member
  }

  /// What a member keeps for itself.
  fileprivate static let ownKeys: Set = [
    "name", "mode", "sides", "weight", "priority", "failure_codes", "fair_budget",
  ]

  private static func groups<Record: CountingPolicy>(
    of members: [EffectivePolicy],
    _ section: String,
    _ path: KeyPath<MethodPolicy, Record?>
  ) throws(PolicyProblem) -> [String: Group<Record>] {
    var groups: [String: Group<Record>] = [:]
    for member in members {
      guard let record = member.policy[keyPath: path], let name = record.name else { continue }
      var group = groups[name] ?? Group()
      for field in Record.fields where field.isSet(record) && !self.ownKeys.contains(field.key) {
        let key = "\(section).\(field.key)"
        if let giver = group.givers[field.key] {
          let precedence = member.precedence(of: key, over: giver)
          if precedence == .lower { continue }
          if precedence == .equal, field.text(group.record) != field.text(record) {
            let one = "\(field.text(group.record) ?? "") at \(giver.method)"
            let other = "\(field.text(record) ?? "") at \(member.method)"
            let allowed = "one value for all that share \"\(name)\""
            throw PolicyProblem(
              InvalidOption(field: key, value: "\(one), \(other)", allowed: allowed),
              in: member,
              key
            )
          }
        }
        field.copy(record, &group.record)
        group.givers[field.key] = member
      }
      groups[name] = group
    }
    return groups
  }
}

extension EffectivePolicy {
  fileprivate enum Precedence {
    case higher
    case equal
    case lower
  }

  /// Whether this one's value of a key goes before another one's.
  fileprivate func precedence(of key: String, over other: EffectivePolicy) -> Precedence {
    guard let own = self.ranks[key], let others = other.ranks[key], own != others else { return .equal }
    return own < others ? .higher : .lower
  }

  fileprivate mutating func complete<Record: CountingPolicy>(
    _ section: String,
    _ path: WritableKeyPath<MethodPolicy, Record?>,
    from groups: [String: PolicyGroups.Group<Record>]
  ) {
    guard let name = self.policy[keyPath: path]?.name, let group = groups[name] else { return }
    for field in Record.fields {
      let key = "\(section).\(field.key)"
      guard let giver = group.givers[field.key], let origin = giver.origins[key] else { continue }
      self.take(key, from: origin) { policy in
        var record = policy[keyPath: path] ?? Record()
        field.copy(group.record, &record)
        policy[keyPath: path] = record
      }
    }
  }
}
