package import BulwarkCore

/// Calls go to the endpoints that are ready in turns, of which each gets as many as its weight says: gRPC's
/// `weighted_round_robin` (gRFC A58).
///
/// An endpoint whose weight is not known has the mean of the others. All endpoints are connected, and connected again as
/// soon as they are idle.
package struct WeightedRoundRobinMachine: LoadBalancer {
  private let options: WeightedRoundRobinOptions
  private let blackout: Int64
  private let expiration: Int64
  private let updatePeriod: Int64
  private var endpoints = ConnectedEndpoints()
  /// Of `endpoints.table`, place by place.
  private var weights: [EndpointWeight] = []
  /// Over `endpoints.ready`.
  private var scheduler = StaticStrideScheduler()
  /// When the weights are to be reckoned; nil for at once.
  private var nextUpdate: MonotonicInstant?

  package init(options: WeightedRoundRobinOptions = WeightedRoundRobinOptions()) {
    self.options = options
    self.blackout = options.blackoutPeriod.saturatedNanoseconds
    self.expiration = options.weightExpirationPeriod.saturatedNanoseconds
    self.updatePeriod = options.weightUpdatePeriod.saturatedNanoseconds
  }

  package var state: ConnectivityState { self.endpoints.state }

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now _: MonotonicInstant,
    random: UInt64
  ) -> BalancerActions {
    let old = self.endpoints.table
    let actions = self.endpoints.update(endpoints)
    self.weights = self.endpoints.table.entries.map { entry in
      old.place(of: entry.id).map { self.weights[$0] } ?? EndpointWeight()
    }
    if self.scheduler.isEmpty { self.scheduler.start(at: random) }
    self.nextUpdate = nil
    return actions
  }

  package mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    self.endpoints.resolutionFailed(error)
  }

  package mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now _: MonotonicInstant
  ) -> BalancerActions {
    let (actions, becameReady) = self.endpoints.connectivityChanged(id, to: state)
    if let becameReady { self.weights[becameReady].becameReady() }
    self.nextUpdate = nil
    return actions
  }

  package mutating func pick(_ context: PickContext) -> Pick {
    guard !self.endpoints.ready.isEmpty else { return Pick(self.endpoints.table.withoutReady) }
    if self.nextUpdate.map({ context.now >= $0 }) ?? true { self.reckon(now: context.now) }
    let place = self.endpoints.ready[self.scheduler.next()]
    return Pick(.endpoint(self.endpoints.id(at: place)))
  }

  package mutating func callEnded(_ id: EndpointID, _ report: CallReport, now: MonotonicInstant) {
    guard let load = report.load else { return }
    self.loadReported(id, load, now: now)
  }

  package mutating func loadReported(_ id: EndpointID, _ load: LoadReport, now: MonotonicInstant) {
    guard let place = self.endpoints.table.place(of: id) else { return }
    self.weights[place].report(load, penalty: self.options.errorUtilizationPenalty, now: now)
  }

  private mutating func reckon(now: MonotonicInstant) {
    self.nextUpdate = now.advanced(byNanoseconds: self.updatePeriod)
    self.scheduler.setWeights(self.endpoints.ready.count) { index in
      let place = self.endpoints.ready[index]
      switch self.options.weights {
      case .fixed:
        return Double(max(self.endpoints.table.entries[place].endpoint.weight, 1))
      case .reported:
        return self.weights[place].value(blackout: self.blackout, expiration: self.expiration, now: now)
      }
    }
  }
}
