public import BulwarkCore
public import BulwarkResilience
import Synchronization

/// The policies of a program's methods, put together from all sources and obeyed by its servers and clients.
///
///     let policies = try Policies(declared: [ConsensusServiceMethods.policies])
///     let server = Server(listening: endpoint, policies: policies) { Validator() }
///     let consensus = ConsensusServiceClient(client.protected(by: policies))
///
/// A configuration goes before what is written in code, and that before what a .proto declares; within each the most
/// specific selector counts first, and each value by itself.
///
/// Methods that name the same policy share it; on a client each target has policies of its own, so that one bad server
/// opens no circuit of another. The manager knows all of them: on a server by the name of the annotation or by
/// `service/method`, on a client by that and `@target`, per peer by that and `[peer]`.
///
/// Safe to use from any thread. A call reads its method's plan once as it starts, so a change of the configuration
/// disturbs no running call.
public final class Policies: CallProtection {
  /// Where all of the policies are registered, with their figures and events.
  public let manager: ResilienceManager
  /// What stands below the configuration.
  private let below: [PolicySet]
  private let state: Mutex<PolicyState>

  /// Policies from these sources.
  ///
  /// - Parameters:
  ///   - declared: what .proto files declare: `ConsensusServiceMethods.policies`.
  ///   - code: what the program says itself.
  ///   - configuration: what the operator says, the source of the highest precedence first.
  ///   - manager: where the policies are registered. Its clock is the one that they measure by.
  /// - Throws: ``PolicyProblem`` for the first annotation that does not work.
  public init(
    declared: [PolicySet] = [],
    code: PolicySet = PolicySet(),
    configuration: [PolicySet] = [],
    manager: ResilienceManager = ResilienceManager()
  ) throws(PolicyProblem) {
    self.manager = manager
    self.below = [code] + declared
    let table = try PolicyTable(configuration + self.below)
    self.state = Mutex(PolicyState(table: table, manager: manager))
  }

  /// What a method comes to, and where each value of it comes from.
  public func effectivePolicy(of method: MethodDescriptor) -> EffectivePolicy {
    self.state.withLock { $0.table }.policy(for: method)
  }

  /// The gate that a server's calls pass, and what stands around its handlers. The gate should be the last one: it may
  /// make calls wait.
  public var gate: any AdmissionGate { PolicyGate(policies: self) }

  /// What a server has around its handlers.
  public var serverInterceptor: any Interceptor { IdleStreamInterceptor(policies: self) }

  /// What a client has around its calls.
  ///
  /// All interceptors for one target share its policies. When the last one is gone these are kept for whoever comes next,
  /// until 256 other targets have been left since: then they are forgotten, by the manager too.
  ///
  /// - Parameter target: where the calls go.
  public func clientInterceptor(to target: String) -> any Interceptor {
    self.state.withLock { $0.enter(target) }
    return ClientPolicyInterceptor(use: TargetUse(of: target, in: self))
  }

  /// Nobody calls the target through an interceptor any more.
  fileprivate func leave(_ target: String) {
    self.state.withLock { $0.leave(target) }
  }

  /// Puts another configuration in the place of the one so far, for the calls that start from now on.
  ///
  /// Policies keep their state: an open circuit stays open and a limiter keeps its debt, also if their settings change.
  ///
  /// - Parameter configuration: the sources, the one of the highest precedence first.
  /// - Throws: ``PolicyProblem``; then nothing has changed.
  public func replaceConfiguration(by configuration: [PolicySet]) throws(PolicyProblem) {
    let result = self.state.withLock { state in
      Result { () throws(PolicyProblem) in
        try state.use(try PolicyTable(configuration + self.below))
      }
    }
    try result.get()
  }

  /// The slot of a server's method.
  func serverSlot(for method: MethodDescriptor) -> PlanSlot<ServerPlan> {
    self.state.withLock { state in
      if let known = state.servers[method] { return known }
      let slot = PlanSlot(state.serverPlan(for: method))
      state.servers[method] = slot
      return slot
    }
  }

  /// The slot of a method that a client calls.
  func clientSlot(for method: MethodDescriptor, to target: String) -> PlanSlot<ClientPlan> {
    self.state.withLock { state in
      if let known = state.clients[target]?.slots[method] { return known }
      let slot = PlanSlot(state.clientPlan(for: method, to: target))
      state.clients[target, default: ClientTarget()].slots[method] = slot
      return slot
    }
  }
}

/// The use that a client makes of its target's policies, for as long as it and its interceptors live.
final class TargetUse: Sendable {
  let target: String
  let policies: Policies

  init(of target: String, in policies: Policies) {
    self.target = target
    self.policies = policies
  }

  deinit {
    self.policies.leave(self.target)
  }
}
