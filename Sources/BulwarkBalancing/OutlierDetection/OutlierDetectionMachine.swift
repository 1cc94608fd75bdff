package import BulwarkCore

/// Leaves endpoints out whose calls fail more than those of the others, around any balancer: gRPC's `outlier_detection`
/// (gRFC A50) and ``CommitteeEjection``.
///
/// To the balancer inside, an endpoint that is left out has failed; its connection stays, and is told of again when the
/// endpoint is readmitted. Once in each interval the calls since the last are judged. An endpoint that is left out is not
/// found again, whatever calls it still has.
package struct OutlierDetectionMachine: LoadBalancer {
  private let options: OutlierDetectionOptions
  private let mindsLatency: Bool
  private let interval: Int64
  private let baseTime: Int64
  private let maximumTime: Int64
  private var balancer: any LoadBalancer
  /// In the resolver's order.
  private var endpoints: [WatchedEndpoint] = []
  private var places: [EndpointID: Int] = [:]
  private var nextSweep: MonotonicInstant?

  package init(_ balancer: any LoadBalancer, options: OutlierDetectionOptions) {
    self.balancer = balancer
    self.options = options
    self.mindsLatency = options.committee?.latencyFactor != nil
    self.interval = options.interval.saturatedNanoseconds
    self.baseTime = options.baseEjectionTime.saturatedNanoseconds
    self.maximumTime = options.maximumEjectionTime.saturatedNanoseconds
  }

  package var state: ConnectivityState { self.balancer.state }

  package var nextTimer: MonotonicInstant? { .earliest(self.balancer.nextTimer, self.nextSweep) }

  /// The endpoints that are left out at the moment.
  package var ejected: [EndpointID] { self.endpoints.filter(\.isEjected).map(\.id) }

  // MARK: - What goes through

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now: MonotonicInstant,
    random: UInt64
  ) -> BalancerActions {
    let old = self.endpoints
    let oldPlaces = self.places
    self.endpoints = []
    self.places = [:]
    for endpoint in endpoints where self.places[endpoint.id] == nil {
      var watched = oldPlaces[endpoint.id].map { old[$0] } ?? WatchedEndpoint(endpoint)
      watched.stake = endpoint.stake
      self.places[endpoint.id] = self.endpoints.count
      self.endpoints.append(watched)
    }
    if self.nextSweep == nil, self.options.isEnabled {
      self.nextSweep = now.advanced(byNanoseconds: self.interval)
    }
    var actions = self.noting(self.balancer.update(endpoints, now: now, random: random))
    self.keepQuorum(now: now, &actions)
    return actions
  }

  package mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    self.balancer.resolutionFailed(error)
  }

  package mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now: MonotonicInstant
  ) -> BalancerActions {
    guard let place = self.places[id] else { return BalancerActions() }
    self.endpoints[place].latest = state
    var actions = BalancerActions()
    if !self.endpoints[place].isEjected { self.tell(place, state, now: now, &actions) }
    self.keepQuorum(now: now, &actions)
    return actions
  }

  package mutating func pick(_ context: PickContext) -> Pick {
    self.balancer.pick(context)
  }

  package mutating func callStarted(_ id: EndpointID, now: MonotonicInstant) {
    self.balancer.callStarted(id, now: now)
  }

  package mutating func callEnded(_ id: EndpointID, _ report: CallReport, now: MonotonicInstant) {
    if let place = self.places[id] { self.endpoints[place].tally.add(report, withLatency: self.mindsLatency) }
    self.balancer.callEnded(id, report, now: now)
  }

  package mutating func loadReported(_ id: EndpointID, _ load: LoadReport, now: MonotonicInstant) {
    self.balancer.loadReported(id, load, now: now)
  }

  package mutating func exitIdle(now: MonotonicInstant) -> BalancerActions {
    self.noting(self.balancer.exitIdle(now: now))
  }

  // MARK: - The judgement

  package mutating func timerFired(now: MonotonicInstant, random: UInt64) -> BalancerActions {
    var actions = BalancerActions()
    if let timer = self.balancer.nextTimer, now >= timer {
      actions = self.noting(self.balancer.timerFired(now: now, random: random))
    }
    if let nextSweep, now >= nextSweep {
      self.sweep(now: now, random: random, &actions)
      self.nextSweep = now.advanced(byNanoseconds: self.interval)
    }
    return actions
  }

  private mutating func sweep(now: MonotonicInstant, random: UInt64, _ actions: inout BalancerActions) {
    let tallies = self.endpoints.map(\.tally)
    for place in self.endpoints.indices { self.endpoints[place].tally = CallTally() }
    var generator = SplitMix64(seed: random)
    if let rule = self.options.successRate {
      for outlier in rule.outliers(in: tallies) {
        let isSpared = generator.next(below: 100) >= rule.enforcementPercentage
        self.judge(outlier, isSpared: isSpared, now: now, &actions)
      }
    }
    if let rule = self.options.failurePercentage {
      for outlier in rule.outliers(in: tallies) {
        let isSpared = generator.next(below: 100) >= rule.enforcementPercentage
        self.judge(outlier, isSpared: isSpared, now: now, &actions)
      }
    }
    for outlier in self.options.committee?.outliers(in: tallies) ?? [] {
      self.judge(outlier, isSpared: false, now: now, &actions)
    }
    for place in self.endpoints.indices {
      if !self.endpoints[place].isEjected {
        self.endpoints[place].stepBack()
      } else if self.endpoints[place].isOver(base: self.baseTime, maximum: self.maximumTime, now: now) {
        self.readmit(place, now: now, &actions)
      }
    }
  }

  private mutating func judge(
    _ outlier: Outlier,
    isSpared: Bool,
    now: MonotonicInstant,
    _ actions: inout BalancerActions
  ) {
    guard !self.endpoints[outlier.index].isEjected else { return }
    let outcome = self.outcome(of: outlier, isSpared: isSpared)
    let id = self.endpoints[outlier.index].id
    actions.ejections.append(Ejection(id: id, cause: outlier.cause, outcome: outcome))
    guard outcome == .ejected else { return }
    self.endpoints[outlier.index].eject(badness: outlier.badness, now: now)
    self.tell(outlier.index, .transientFailure(.ejected), now: now, &actions)
  }

  private func outcome(of outlier: Outlier, isSpared: Bool) -> Ejection.Outcome {
    guard !isSpared else { return .notEnforced }
    if let committee = self.options.committee {
      let lost = self.endpoints[outlier.index].isInUse ? self.endpoints[outlier.index].stake : 0
      guard committee.hasQuorum(self.endpoints, less: lost) else { return .neededForQuorum }
    }
    switch outlier.cause {
    case .committeeFailures, .committeeLatency: return .ejected
    case .successRate, .failurePercentage:
      let ejected = self.endpoints.count(where: \.isEjected)
      let isFull = ejected * 100 >= self.options.maximumEjectionPercent * self.endpoints.count
      return ejected > 0 && isFull ? .tooMany : .ejected
    }
  }

  /// Readmits those that are needed, the least bad first.
  private mutating func keepQuorum(now: MonotonicInstant, _ actions: inout BalancerActions) {
    guard let committee = self.options.committee else { return }
    while !committee.hasQuorum(self.endpoints, less: 0) {
      let useful = self.endpoints.indices.filter {
        self.endpoints[$0].isEjected && self.endpoints[$0].latest == .ready
      }
      guard let best = useful.min(by: { self.endpoints[$0].badness < self.endpoints[$1].badness }) else {
        return
      }
      self.readmit(best, now: now, &actions)
    }
  }

  private mutating func readmit(_ place: Int, now: MonotonicInstant, _ actions: inout BalancerActions) {
    self.endpoints[place].readmit()
    actions.readmissions.append(self.endpoints[place].id)
    self.tell(place, self.endpoints[place].latest, now: now, &actions)
  }

  private mutating func tell(
    _ place: Int,
    _ state: EndpointState,
    now: MonotonicInstant,
    _ actions: inout BalancerActions
  ) {
    let id = self.endpoints[place].id
    actions.add(self.noting(self.balancer.connectivityChanged(id, to: state, now: now)))
  }

  /// A connection that is ended is not ready any more, even before it says so.
  private mutating func noting(_ actions: BalancerActions) -> BalancerActions {
    for id in actions.disconnect {
      if let place = self.places[id] { self.endpoints[place].latest = .idle }
    }
    return actions
  }
}

extension CommitteeEjection {
  /// Whether enough stake stays in use if so much of it goes.
  fileprivate func hasQuorum(_ endpoints: [WatchedEndpoint], less lost: UInt64) -> Bool {
    let all = endpoints.reduce(self.ownStake) { $0.saturatingAdding($1.stake) }
    let inUse = endpoints.reduce(self.ownStake) { $1.isInUse ? $0.saturatingAdding($1.stake) : $0 }
    // More than two thirds: 2f + 1 of 3f + 1.
    let least = self.minimumStake ?? (all == 0 ? 0 : all - (all - 1) / 3)
    return inUse - lost >= least
  }
}

extension UInt64 {
  fileprivate func saturatingAdding(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = self.addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

extension RPCError {
  static let ejected = RPCError(
    code: .unavailable,
    message: "the endpoint is left out for a while: its calls failed more than the others'",
    origin: .policy
  )
}
