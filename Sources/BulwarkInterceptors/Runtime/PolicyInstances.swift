import BulwarkCore
import BulwarkResilience

/// The policies that plans are made of, each made once for its name and kept as long as a plan uses it.
///
/// A change of the configuration goes through here: an instance keeps its state (an open circuit stays open, a limiter
/// keeps its debt) and gets other options. Used under the lock of ``Policies``.
struct PolicyInstances {
  private let manager: ResilienceManager
  private var instances: [ID: any PolicyInstance] = [:]
  /// What the plans made since ``begin()`` use, and with which options.
  private var used: Set<ID> = []

  private struct ID: Hashable {
    var kind: PolicyKind
    var name: String
    /// Where a client's calls go; nil on a server.
    var target: String?
  }

  init(manager: ResilienceManager) {
    self.manager = manager
  }

  /// The policy of this name with these options, for a client's calls to a target or for a server.
  ///
  /// - Throws: ``PolicyProblem`` if the manager has one of this name with other options that was not made here.
  mutating func policy<P: PeerPolicy>(
    _ name: String,
    _ options: P.Options,
    target: String?,
    scope: PolicyScope,
    maximumPeers: Int
  ) throws(PolicyProblem) -> ScopedPolicy<P> {
    let scoped = scope == .peer
    let id = ID(kind: P.kind, name: name, target: target)
    self.used.insert(id)
    if let known = self.instances[id] as? SharedInstance<P>, !scoped {
      try known.reconfigure(options)
      return .shared(known.policy)
    }
    if let known = self.instances[id] as? PeerTable<P>, scoped {
      try known.reconfigure(options, maximumPeers: maximumPeers)
      return .perPeer(known)
    }
    // Of another scope than before, or not there yet.
    self.instances.removeValue(forKey: id)?.unregister()
    let shared = try SharedInstance<P>(name, options, in: self.manager)
    guard scoped else {
      self.instances[id] = shared
      return .shared(shared.policy)
    }
    let table = PeerTable(shared, maximumPeers: maximumPeers)
    self.instances[id] = table
    return .perPeer(table)
  }

  /// The retry or hedging policy of this name with these options, made anew if its budget is another one.
  ///
  /// - Throws: As ``policy(_:_:target:scope:maximumPeers:)`` does.
  mutating func reissue<P: BudgetedPolicy>(
    _ name: String,
    _ options: P.Options,
    target: String,
    budget: RetryBudget?,
    make: (String, P.Options) throws(InvalidOption) -> P
  ) throws(PolicyProblem) -> P {
    let id = ID(kind: P.kind, name: name, target: target)
    self.used.insert(id)
    if let known = self.instances[id] as? SharedInstance<P>, known.policy.budget === budget {
      try known.reconfigure(options)
      return known.policy
    }
    self.instances.removeValue(forKey: id)?.unregister()
    let made: P
    do throws(InvalidOption) {
      made = try make(name, options)
    } catch {
      throw PolicyProblem(error, origin: name)
    }
    let instance = try SharedInstance(made, in: self.manager)
    self.instances[id] = instance
    return instance.policy
  }

  /// Forgets what belongs to a client's target.
  mutating func drop(target: String) {
    for (id, instance) in self.instances where id.target == target {
      instance.unregister()
      self.instances[id] = nil
    }
  }

  /// Starts over with noting what is used.
  mutating func begin() {
    self.used = []
  }

  /// Forgets what no plan has asked for since ``begin()``. Calls that hold something of it go on holding it.
  mutating func dropUnused() {
    for (id, instance) in self.instances where !self.used.contains(id) {
      instance.unregister()
      self.instances[id] = nil
    }
  }
}

/// A policy whose further attempts a budget pays for.
protocol BudgetedPolicy: Policy {
  var budget: RetryBudget? { get }
}

extension Retry: BudgetedPolicy {}
extension Hedge: BudgetedPolicy {}

/// One policy, or one for each peer, under one name.
protocol PolicyInstance: Sendable {
  /// Takes it out of the manager.
  func unregister()
}

/// A policy that all calls share.
final class SharedInstance<P: Policy>: PolicyInstance {
  let policy: P
  let manager: ResilienceManager

  init(_ policy: P, in manager: ResilienceManager) throws(PolicyProblem) {
    do throws(ManagerError) {
      self.policy = try manager.register(policy)
      self.manager = manager
    } catch {
      throw PolicyProblem(error, name: policy.name)
    }
  }

  convenience init(_ name: String, _ options: P.Options, in manager: ResilienceManager) throws(PolicyProblem)
  {
    let made: P
    do throws(InvalidOption) {
      made = try P(name: name, options: options, clock: manager.clock, random: manager.random)
    } catch {
      throw PolicyProblem(error, origin: name)
    }
    try self.init(made, in: manager)
  }

  func reconfigure(_ options: P.Options) throws(PolicyProblem) {
    guard self.policy.options != options else { return }
    do throws(InvalidOption) {
      try self.policy.reconfigure(options)
    } catch {
      throw PolicyProblem(error, origin: self.policy.name)
    }
  }

  func unregister() {
    self.manager.remove(P.self, named: self.policy.name)
  }
}

extension PolicyProblem {
  fileprivate init(_ error: ManagerError, name: String) {
    switch error {
    case .invalidOption(_, _, let fault): self.init(fault, origin: name)
    case .nameTaken(let kind, let name, let existing, let given):
      self.init(
        InvalidOption(
          field: "\(kind.rawValue) \"\(name)\"",
          value: given,
          allowed: "the settings of the one that the manager has already: \(existing)"
        ),
        origin: name
      )
    case .unknown:
      self.init(InvalidOption(field: "name", value: name, allowed: "a registered name"), origin: name)
    }
  }
}
