package import BulwarkCore

/// Each call goes to the least loaded of a few endpoints that are drawn at random of those that are ready: gRPC's
/// `least_request` (gRFC A48).
///
/// Two choices spread load almost as evenly as looking at all, and unlike that do not send all clients to the same
/// endpoint at once (Mitzenmacher, "The power of two choices in randomized load balancing", 2001). Unlike in gRPC the
/// first endpoint is not drawn again, so that of two endpoints the better one is always found.
package struct LeastRequestMachine: LoadBalancer {
  private let choiceCount: Int
  /// Nanoseconds; nil where the number of calls is all that counts.
  private let decay: Double?
  private let penalty: Double
  private var endpoints = ConnectedEndpoints()
  /// Of `endpoints.table`, place by place.
  private var loads: [EndpointLoad] = []

  package init(options: LeastRequestOptions = LeastRequestOptions()) {
    self.choiceCount = options.choiceCount
    self.penalty = Double(options.failurePenalty.saturatedNanoseconds)
    switch options.measure {
    case .activeCalls: self.decay = nil
    case .peakEWMA(let decay): self.decay = Double(decay.saturatedNanoseconds)
    }
  }

  package var state: ConnectivityState { self.endpoints.state }

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now _: MonotonicInstant,
    random _: UInt64
  ) -> BalancerActions {
    let old = self.endpoints.table
    let actions = self.endpoints.update(endpoints)
    self.loads = self.endpoints.table.entries.map { entry in
      old.place(of: entry.id).map { self.loads[$0] } ?? EndpointLoad()
    }
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
    self.endpoints.connectivityChanged(id, to: state).0
  }

  package mutating func pick(_ context: PickContext) -> Pick {
    let count = self.endpoints.ready.count
    guard count > 0 else { return Pick(self.endpoints.table.withoutReady) }
    guard count > 1 else { return Pick(.endpoint(self.endpoints.id(at: self.endpoints.ready[0]))) }
    var generator = SplitMix64(seed: context.random)
    let first = generator.next(below: count)
    var best = self.endpoints.ready[first]
    var lowest = self.load(at: best, now: context.now)
    for _ in 1..<self.choiceCount {
      let other = generator.next(below: count - 1)
      let place = self.endpoints.ready[other < first ? other : other + 1]
      let load = self.load(at: place, now: context.now)
      if load < lowest { (best, lowest) = (place, load) }
    }
    return Pick(.endpoint(self.endpoints.id(at: best)))
  }

  package mutating func callStarted(_ id: EndpointID, now _: MonotonicInstant) {
    guard let place = self.endpoints.table.place(of: id) else { return }
    self.loads[place].started()
  }

  package mutating func callEnded(_ id: EndpointID, _ report: CallReport, now: MonotonicInstant) {
    guard let place = self.endpoints.table.place(of: id) else { return }
    self.loads[place].ended(report, penalty: self.penalty, decay: self.decay ?? 1, now: now)
  }

  private func load(at place: Int, now: MonotonicInstant) -> Double {
    guard let decay else { return Double(self.loads[place].active) }
    return self.loads[place].cost(decay: decay, now: now)
  }
}
