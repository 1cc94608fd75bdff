package import BulwarkCore

/// Calls of the same hash go to the same endpoint, as long as that can be reached: gRPC's `ring_hash` (gRFC A42 as changed
/// by A61 and A76).
///
/// Endpoints are connected when a call wants them. A call goes to the endpoint at its place on the ring; if that has
/// failed, to the next one that has not. A call without a hash goes to the first one from a random place on that is
/// ready, and meanwhile has at most one endpoint connect.
package struct RingHashMachine: LoadBalancer {
  private let minimumRingSize: Int
  private let maximumRingSize: Int
  private var table = EndpointTable()
  private var ring = HashRing()

  package init(options: RingHashOptions = RingHashOptions()) {
    self.minimumRingSize = options.minimumRingSize
    self.maximumRingSize = options.maximumRingSize
  }

  /// Two failures are a failure of the channel even if others were not tried yet; with one it counts as connecting, since
  /// the next one is tried then (gRFC A42).
  package var state: ConnectivityState {
    if self.table.ready > 0 || self.table.entries.isEmpty { return self.table.state }
    if self.table.failed >= 2 { return .transientFailure }
    if self.table.failed == 1, self.table.entries.count > 1 { return .connecting }
    return self.table.state
  }

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now _: MonotonicInstant,
    random _: UInt64
  ) -> BalancerActions {
    let old = self.table.entries
    self.table.update(endpoints)
    let entries = self.table.entries
    if old.map(\.endpoint) != entries.map(\.endpoint) {
      self.ring = HashRing(
        entries.map { ($0.endpoint.hashKey.isEmpty ? "\($0.id)" : $0.endpoint.hashKey, $0.endpoint.weight) },
        minimumSize: self.minimumRingSize,
        maximumSize: self.maximumRingSize
      )
    }
    var actions = self.keepTrying()
    actions.resolve = entries.isEmpty
    actions.repick = true
    return actions
  }

  package mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    self.table.resolutionFailed(error)
    return BalancerActions(repick: self.table.entries.isEmpty)
  }

  package mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now _: MonotonicInstant
  ) -> BalancerActions {
    guard let (old, new) = self.table.set(id, to: state) else { return BalancerActions() }
    var actions = self.keepTrying()
    switch state {
    case .idle:
      // After its backoff it tries again, since it would be passed over by calls; after a lost connection a call decides.
      if new == .transientFailure { actions.connect.append(id) }
      actions.resolve = old == .ready
    case .transientFailure:
      actions.resolve = true
    case .connecting, .ready:
      break
    }
    actions.repick = old != new
    return actions
  }

  package mutating func pick(_ context: PickContext) -> Pick {
    guard !self.table.entries.isEmpty, self.table.failed < self.table.entries.count else {
      return Pick(self.table.withoutReady)
    }
    guard let hash = context.hash else { return self.pickAny(from: self.ring.place(of: context.random)) }
    var place = self.ring.place(of: hash)
    // It ends, since not all have failed, and each has a place.
    for _ in 0..<self.ring.count {
      let entry = self.table.entries[self.ring.owner(at: place)]
      switch entry.state {
      case .ready: return Pick(.endpoint(entry.id))
      case .connecting: return Pick(.wait)
      case .idle: return Pick(.wait, actions: self.connect(at: self.ring.owner(at: place)))
      case .transientFailure, .shutdown: place = self.ring.place(after: place)
      }
    }
    return Pick(self.table.withoutReady)
  }

  package mutating func exitIdle(now _: MonotonicInstant) -> BalancerActions {
    self.state == .idle && !self.table.entries.isEmpty
      ? self.connect(at: self.ring.owner(at: 0)) : BalancerActions()
  }

  private mutating func pickAny(from start: Int) -> Pick {
    var actions = BalancerActions()
    var mayConnect = self.table.connecting == 0
    var place = start
    for _ in 0..<self.ring.count {
      guard self.table.ready > 0 || mayConnect else { break }
      let owner = self.ring.owner(at: place)
      let entry = self.table.entries[owner]
      if entry.state == .ready { return Pick(.endpoint(entry.id), actions: actions) }
      if mayConnect, entry.state == .idle {
        actions = self.connect(at: owner)
        mayConnect = false
      }
      place = self.ring.place(after: place)
    }
    return Pick(.wait, actions: actions)
  }

  /// While the channel says that it connects, or has failed, at least one endpoint is tried, whether calls come or not.
  private mutating func keepTrying() -> BalancerActions {
    guard self.state == .connecting || self.state == .transientFailure, self.table.connecting == 0,
      let idle = self.table.entries.firstIndex(where: { $0.state == .idle })
    else { return BalancerActions() }
    return self.connect(at: idle)
  }

  private mutating func connect(at place: Int) -> BalancerActions {
    guard self.table.connect(at: place) else { return BalancerActions() }
    return BalancerActions(connect: [self.table.entries[place].id])
  }
}
