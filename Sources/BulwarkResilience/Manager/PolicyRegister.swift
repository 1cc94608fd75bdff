import Synchronization

/// The policies of a manager, and the way of their events to its listeners.
final class PolicyRegister: Sendable {
  private struct ID: Hashable {
    var kind: PolicyKind
    var name: String
  }

  private struct State {
    var policies: [ID: any Policy] = [:]
    /// What brings each policy's events here, while somebody listens.
    var forwarders: [ID: PolicyEvents.ObserverID] = [:]
  }

  /// Hands a policy's events on. The closure holds the manager's events weakly: a policy must not keep its manager.
  private struct Forwarder: PolicyObserver {
    let forward: @Sendable (PolicyEvent) -> Void

    func observe(_ event: PolicyEvent) { self.forward(event) }
  }

  private final class Storage: Sendable {
    let state = Mutex(State())

    /// Listens to each policy if somebody listens to `events`, and to none if nobody does.
    func connect(to events: PolicyEvents) {
      self.state.withLock { state in
        if events.hasListeners {
          for (id, policy) in state.policies where state.forwarders[id] == nil {
            let forwarder = Forwarder { [weak events] event in events?.emit(event) }
            state.forwarders[id] = policy.events.addObserver(forwarder)
          }
        } else {
          for (id, forwarder) in state.forwarders { state.policies[id]?.events.removeObserver(forwarder) }
          state.forwarders = [:]
        }
      }
    }
  }

  let events: PolicyEvents
  private let storage: Storage

  init() {
    let storage = Storage()
    self.storage = storage
    self.events = PolicyEvents { [weak storage] in storage?.connect(to: $0) }
  }

  deinit {
    // The policies may live on, and must not tell their events to nobody for ever.
    self.storage.state.withLock { state in
      for (id, forwarder) in state.forwarders { state.policies[id]?.events.removeObserver(forwarder) }
    }
  }

  var all: [any Policy] {
    self.storage.state.withLock { Array($0.policies.values) }
  }

  /// Keeps the policy unless one of its kind and name is there already; whichever is there then.
  func insert<P: Policy>(_ policy: P) -> any Policy {
    let kept = self.storage.state.withLock { state -> any Policy in
      let id = ID(kind: P.kind, name: policy.name)
      if let existing = state.policies[id] { return existing }
      state.policies[id] = policy
      return policy
    }
    self.storage.connect(to: self.events)
    return kept
  }

  func find<P: Policy>(_ type: P.Type, _ name: String) -> P? {
    self.storage.state.withLock { $0.policies[ID(kind: P.kind, name: name)] as? P }
  }

  func remove<P: Policy>(_ type: P.Type, _ name: String) -> P? {
    self.storage.state.withLock { state in
      let id = ID(kind: P.kind, name: name)
      guard let policy = state.policies[id] as? P else { return nil }
      state.policies[id] = nil
      if let forwarder = state.forwarders.removeValue(forKey: id) { policy.events.removeObserver(forwarder) }
      return policy
    }
  }
}
