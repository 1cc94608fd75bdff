package import BulwarkCore

/// All calls go to one endpoint, the first that could be connected: gRPC's `pick_first` with happy eyeballs (gRFC A61,
/// RFC 8305) and a failure that stays (A62).
///
///     unresolved ──list──▶ passing ──one is ready──▶ ready ──lost──▶ idle ──call──▶ passing
///                          │     ▲                     ▲
///                all failed│     │new list             │one is ready
///                          ▼     │                     │
///                        reconnecting ─────────────────┘
///
/// A pass asks one endpoint after the other to connect, the next one as soon as the one before has failed or the attempt
/// delay is over; attempts go on beside each other. One in its backoff counts as failed. When each has failed the channel
/// is in TRANSIENT_FAILURE, and stays there until one is ready; each connects again when its backoff is over.
/// Once one is ready all other attempts end.
package struct PickFirstMachine: LoadBalancer {
  private enum Phase: Hashable {
    /// There is no list.
    case unresolved
    case unresolvable
    case idle
    /// The endpoint at this place was asked last; past the end, all were.
    case passing(at: Int, timer: MonotonicInstant?)
    case reconnecting
    case ready(EndpointID)
  }

  private struct Candidate: Hashable {
    let id: EndpointID
    var state = ConnectivityState.idle
    var hasFailed = false
  }

  private let shuffles: Bool
  private let attemptDelay: Int64
  private var phase = Phase.unresolved
  /// In the order in which they are tried.
  private var candidates: [Candidate] = []
  private var places: [EndpointID: Int] = [:]
  /// Whether a pass has failed since one was ready.
  private var isFailing = false
  private var error = RPCError.noEndpoints
  /// Attempts that failed since the pass did.
  private var failures = 0

  package init(options: PickFirstOptions = PickFirstOptions()) {
    self.shuffles = options.shuffleAddressList
    self.attemptDelay = options.connectionAttemptDelay.saturatedNanoseconds
  }

  package var state: ConnectivityState {
    switch self.phase {
    case .unresolved, .idle: .idle
    case .passing: self.isFailing ? .transientFailure : .connecting
    case .unresolvable, .reconnecting: .transientFailure
    case .ready: .ready
    }
  }

  package var nextTimer: MonotonicInstant? {
    guard case .passing(_, let timer) = self.phase else { return nil }
    return timer
  }

  // MARK: - The resolver

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now: MonotonicInstant,
    random: UInt64
  ) -> BalancerActions {
    self.list(endpoints, random: random)
    guard !self.candidates.isEmpty else {
      self.phase = .unresolvable
      self.error = .noEndpoints
      return BalancerActions(resolve: true, repick: true)
    }
    switch self.phase {
    case .ready(let id) where self.places[id] != nil: return BalancerActions()
    case .idle: return BalancerActions()
    case .unresolved, .unresolvable, .ready:
      self.isFailing = false
    case .passing, .reconnecting:
      break
    }
    return self.beginPass(now: now)
  }

  private mutating func list(_ endpoints: [BalancedEndpoint], random: UInt64) {
    let old = self.candidates
    let oldPlaces = self.places
    var unique = endpoints
    var seen: Set<EndpointID> = []
    unique.removeAll { !seen.insert($0.id).inserted }
    if self.shuffles {
      var generator = SplitMix64(seed: random)
      unique.shuffle(using: &generator)
    }
    self.candidates = AddressOrder.interleaved(unique).map { endpoint in
      Candidate(id: endpoint.id, state: oldPlaces[endpoint.id].map { old[$0].state } ?? .idle)
    }
    self.places = [:]
    for (place, candidate) in self.candidates.enumerated() { self.places[candidate.id] = place }
  }

  package mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    guard self.candidates.isEmpty else { return BalancerActions() }
    self.phase = .unresolvable
    self.error = error
    return BalancerActions(repick: true)
  }

  // MARK: - Calls

  package mutating func pick(_ context: PickContext) -> Pick {
    switch self.phase {
    case .ready(let id): return Pick(.endpoint(id))
    case .idle:
      let actions = self.beginPass(now: context.now)
      return Pick(self.withoutReady, actions: actions)
    case .unresolved, .unresolvable, .passing, .reconnecting: return Pick(self.withoutReady)
    }
  }

  private var withoutReady: Pick.Decision {
    if case .ready(let id) = self.phase { return .endpoint(id) }
    return self.state == .transientFailure ? .fail(self.error) : .wait
  }

  package mutating func exitIdle(now: MonotonicInstant) -> BalancerActions {
    self.phase == .idle ? self.beginPass(now: now) : BalancerActions()
  }

  // MARK: - Connections

  package mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now: MonotonicInstant
  ) -> BalancerActions {
    guard let place = self.places[id] else { return BalancerActions() }
    let old = self.candidates[place].state
    self.candidates[place].state = state.connectivity
    if case .transientFailure(let error) = state { self.error = error }
    switch self.phase {
    case .unresolved, .unresolvable, .idle:
      return BalancerActions()
    case .ready(let selected):
      guard selected == id else { return self.disconnect(place) }
      return state == .ready ? BalancerActions() : self.becomeIdle()
    case .passing, .reconnecting:
      break
    }
    switch state {
    case .ready: return self.select(place)
    case .connecting: return BalancerActions()
    // It was connected and is lost again, all at once.
    case .idle where old == .connecting: return self.becomeIdle()
    case .idle: return self.phase == .reconnecting ? self.connect(place) : BalancerActions()
    case .transientFailure: return self.failed(place, now: now)
    }
  }

  package mutating func timerFired(now: MonotonicInstant, random _: UInt64) -> BalancerActions {
    guard case .passing(let place, let timer?) = self.phase, now >= timer else { return BalancerActions() }
    return self.advance(to: place + 1, now: now)
  }

  private mutating func beginPass(now: MonotonicInstant) -> BalancerActions {
    for place in self.candidates.indices { self.candidates[place].hasFailed = false }
    var actions = self.advance(to: 0, now: now)
    actions.repick = true
    return actions
  }

  /// Asks the first endpoint that may be asked, from this place on.
  private mutating func advance(to first: Int, now: MonotonicInstant) -> BalancerActions {
    var place = first
    while place < self.candidates.count {
      switch self.candidates[place].state {
      case .ready:
        return self.select(place)
      case .idle, .connecting:
        let isLast = place == self.candidates.count - 1
        self.phase = .passing(at: place, timer: isLast ? nil : now.advanced(byNanoseconds: self.attemptDelay))
        return self.connect(place)
      case .transientFailure, .shutdown:
        self.candidates[place].hasFailed = true
        place += 1
      }
    }
    self.phase = .passing(at: place, timer: nil)
    return self.endPassIfAllFailed()
  }

  private mutating func failed(_ place: Int, now: MonotonicInstant) -> BalancerActions {
    self.candidates[place].hasFailed = true
    guard case .passing(let current, _) = self.phase else {
      self.failures += 1
      return BalancerActions(resolve: self.failures.isMultiple(of: self.candidates.count))
    }
    return place == current ? self.advance(to: place + 1, now: now) : self.endPassIfAllFailed()
  }

  private mutating func endPassIfAllFailed() -> BalancerActions {
    guard self.candidates.allSatisfy(\.hasFailed) else { return BalancerActions() }
    self.phase = .reconnecting
    self.isFailing = true
    self.failures = 0
    var actions = BalancerActions(resolve: true, repick: true)
    for place in self.candidates.indices { actions.connect += self.connect(place).connect }
    return actions
  }

  private mutating func connect(_ place: Int) -> BalancerActions {
    guard self.candidates[place].state == .idle else { return BalancerActions() }
    self.candidates[place].state = .connecting
    return BalancerActions(connect: [self.candidates[place].id])
  }

  private mutating func disconnect(_ place: Int) -> BalancerActions {
    switch self.candidates[place].state {
    case .connecting, .ready:
      self.candidates[place].state = .idle
      return BalancerActions(disconnect: [self.candidates[place].id])
    case .idle, .transientFailure, .shutdown:
      return BalancerActions()
    }
  }

  private mutating func select(_ selected: Int) -> BalancerActions {
    self.phase = .ready(self.candidates[selected].id)
    self.isFailing = false
    return self.disconnectAll(but: selected)
  }

  /// A call begins the next pass, so that a channel nobody uses does not connect again.
  private mutating func becomeIdle() -> BalancerActions {
    self.phase = .idle
    self.isFailing = false
    var actions = self.disconnectAll(but: nil)
    actions.resolve = true
    return actions
  }

  private mutating func disconnectAll(but kept: Int?) -> BalancerActions {
    var actions = BalancerActions(repick: true)
    for place in self.candidates.indices where place != kept {
      actions.disconnect += self.disconnect(place).disconnect
    }
    return actions
  }
}
