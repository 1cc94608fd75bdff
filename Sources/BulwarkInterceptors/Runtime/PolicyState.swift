import BulwarkCore
import BulwarkResilience

/// What `Policies` keeps under its lock: the table in force, the policies, and the plans that were made of them.
struct PolicyState {
  private(set) var table: PolicyTable
  var servers: [MethodDescriptor: PlanSlot<ServerPlan>] = [:]
  var clients: [String: ClientTarget] = [:]
  /// The targets that nobody calls now, the one that was left first at the front.
  private var idleTargets: [String] = []
  private var instances: PolicyInstances
  private let manager: ResilienceManager

  init(table: PolicyTable, manager: ResilienceManager) {
    self.table = table
    self.instances = PolicyInstances(manager: manager)
    self.manager = manager
  }
}

/// The methods that are called at one target.
struct ClientTarget {
  var slots: [MethodDescriptor: PlanSlot<ClientPlan>] = [:]
  var budgets = RetryBudgets()
  /// How many interceptors are there for it.
  var uses = 0
}

// MARK: - Targets

extension PolicyState {
  /// As many are kept, or a client that is made anew for each call would have no circuit that opens.
  static let maximumIdleTargets = 256

  mutating func enter(_ target: String) {
    let uses = self.clients[target]?.uses ?? 0
    if uses == 0 { self.idleTargets.removeAll { $0 == target } }
    self.clients[target, default: ClientTarget()].uses = uses + 1
  }

  mutating func leave(_ target: String) {
    guard let uses = self.clients[target]?.uses else { return }
    self.clients[target]?.uses = uses - 1
    guard uses == 1 else { return }
    self.idleTargets.append(target)
    guard self.idleTargets.count > Self.maximumIdleTargets else { return }
    let forgotten = self.idleTargets.removeFirst()
    self.clients[forgotten] = nil
    self.instances.drop(target: forgotten)
  }
}

extension PolicyState {
  /// A method's plan. One that cannot be made, because the program has registered another policy under its name, refuses
  /// every call: what was meant to be protected must not go without.
  mutating func serverPlan(for method: MethodDescriptor) -> ServerPlan? {
    do throws(PolicyProblem) {
      return try self.makeServerPlan(for: method)
    } catch {
      return ServerPlan(refusing: RPCError(error))
    }
  }

  mutating func clientPlan(for method: MethodDescriptor, to target: String) -> ClientPlan? {
    do throws(PolicyProblem) {
      return try self.makeClientPlan(for: method, to: target)
    } catch {
      return ClientPlan(refusing: RPCError(error))
    }
  }

  private mutating func makeServerPlan(for method: MethodDescriptor) throws(PolicyProblem) -> ServerPlan? {
    let effective = self.table.policy(for: method)
    let trio = try PolicyTrio(effective, on: .server, target: nil, from: &self.instances)
    let plan = ServerPlan(effective.policy, policies: trio, clock: self.manager.clock)
    return plan.isEmpty ? nil : plan
  }

  private mutating func makeClientPlan(for method: MethodDescriptor, to target: String) throws(PolicyProblem)
    -> ClientPlan?
  {
    let manager = self.manager
    let effective = self.table.policy(for: method)
    var budgets = self.clients[target]?.budgets ?? RetryBudgets()
    defer { self.clients[target, default: ClientTarget()].budgets = budgets }
    let budget = self.table.hasReissues ? try budgets.budget(effective, clock: manager.clock) : nil
    let trio = try PolicyTrio(effective, on: .client, target: target, from: &self.instances)
    let name = policyName(method.description, target: target)
    var retry: Retry?
    if let rule = effective.policy.retry, rule.isOn {
      retry = try self.instances.reissue(name, rule.options, target: target, budget: budget) {
        (name, options) throws(InvalidOption) in
        try Retry(name: name, options: options, budget: budget, clock: manager.clock, random: manager.random)
      }
    }
    var hedge: Hedge?
    if let rule = effective.policy.hedging, rule.isOn {
      hedge = try self.instances.reissue(name, rule.options, target: target, budget: budget) {
        (name, options) throws(InvalidOption) in
        try Hedge(name: name, options: options, budget: budget, clock: manager.clock)
      }
    }
    let plan = ClientPlan(
      effective.policy,
      policies: trio.policies(for: ""),
      retry: retry,
      hedge: hedge,
      budget: budget,
      clock: manager.clock
    )
    return plan.isEmpty ? nil : plan
  }

  /// Has every known method obey another table.
  ///
  /// - Throws: ``PolicyProblem`` if a policy cannot be made, because the program has taken its name for itself; then
  ///   everything is as it was.
  mutating func use(_ table: PolicyTable) throws(PolicyProblem) {
    let old = self.table
    self.table = table
    do throws(PolicyProblem) {
      try self.remake()
    } catch {
      self.table = old
      // The settings that were changed before the name was met are changed back.
      try self.remake()
      throw error
    }
  }

  private mutating func remake() throws(PolicyProblem) {
    self.instances.begin()
    var servers: [MethodDescriptor: ServerPlan] = [:]
    var clients: [String: [MethodDescriptor: ClientPlan]] = [:]
    for method in self.servers.keys { servers[method] = try self.makeServerPlan(for: method) }
    for (target, known) in self.clients {
      for method in known.slots.keys {
        clients[target, default: [:]][method] = try self.makeClientPlan(for: method, to: target)
      }
    }
    for (method, slot) in self.servers { slot.replace(by: servers[method]) }
    for (target, known) in self.clients {
      for (method, slot) in known.slots { slot.replace(by: clients[target]?[method]) }
    }
    self.instances.dropUnused()
  }
}

extension RPCError {
  fileprivate init(_ problem: PolicyProblem) {
    self.init(
      code: .internalError,
      message: "the method's policies cannot be made: \(problem)",
      origin: .policy
    )
  }
}
