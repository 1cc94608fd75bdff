import BulwarkBalancing
import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore

/// What the endpoints tell the client, on its event loop.
protocol EndpointSetOwner: AnyObject {
  /// Calls that wait for an endpoint may have one now, or fail.
  func picksChanged()
  /// The calls that wait at this endpoint have to go elsewhere.
  func picksEnded(_ subchannel: Subchannel)
  func hasRoom(_ subchannel: Subchannel)
  func callEnded(_ call: ClientCall, _ failure: ClientFailure?)
  func connectionEnded()
}

/// The endpoints of a client: finds them, connects them as load balancing has it, and picks one for each call.
///
/// The load balancing policy is a machine without IO, from `BulwarkBalancing`; this is its shell. Used on its event loop
/// only.
final class EndpointSet: SubchannelOwner {
  enum Pick {
    case endpoint(Subchannel)
    /// Until the picks change.
    case wait
    /// Unless the call waits for a connection.
    case fail(RPCError)
    /// Whatever the call waits for: it can go nowhere, ever.
    case refuse(RPCError)
  }

  /// Strong, as all the way from a connection to its client, and let go when everything is closed: a weak reference
  /// would put each count of the calls' way through a side table.
  var owner: (any EndpointSetOwner)?

  private let configuration: ClientConfiguration
  private let resolver: any EndpointResolver
  private let server: KnownPeer
  private let watch: ConnectivityWatch
  private let eventLoop: any EventLoop
  private let keepalive: KeepalivePace
  /// Of all connections.
  private let memory = HTTP2Memory()
  private let writeBuffer = WriteBuffer()
  private let policy: BalancingTerms
  private let channelz: ChannelzChannel?

  private var balancer: any LoadBalancer {
    didSet { self.selected = nil }
  }
  /// What the balancer picks for every call until it is told something: so all of a `pick_first`'s calls but one are
  /// spared the question and a reading of the clock.
  private var selected: Subchannel?
  private var resolution: Resolution?
  private var subchannels: [EndpointID: Subchannel] = [:]
  private var identifiers: [Endpoint: EndpointID] = [:]
  private var nextIdentifier: UInt32 = 0
  /// Of the endpoints that are connected, where health is asked for.
  private var healthWatches: [EndpointID: HealthWatch] = [:]
  /// Endpoints that are not listed any more, while their calls end.
  private var leaving: [Subchannel] = []
  private var timer: DeadlineTimer?
  private var random: SplitMix64
  /// Whether there was a call since a connection was last made anew without one.
  private var isUsed = false
  /// What the last pick wants done, after its call has found its place.
  private var pending: BalancerActions?
  private var isClosed = false

  init(
    resolver: any EndpointResolver,
    configuration: ClientConfiguration,
    server: KnownPeer,
    watch: ConnectivityWatch,
    channelz: ChannelzChannel? = nil,
    on eventLoop: any EventLoop
  ) {
    self.configuration = configuration
    self.resolver = resolver
    self.server = server
    self.watch = watch
    self.channelz = channelz
    self.eventLoop = eventLoop
    self.keepalive = KeepalivePace(configuration.keepalive)
    self.policy = BalancingTerms(configuration)
    self.balancer = self.policy.makeBalancer()
    self.random = SplitMix64(seed: .random(in: 0 ... .max))
  }

  // MARK: - Calls

  /// Where does this call go? ``connect()`` follows, once the call is there.
  func pick(_ call: ClientCall) -> Pick {
    self.isUsed = true
    if let selected = self.selected { return .endpoint(selected) }
    if let problem = self.policy.problem { return .refuse(problem) }
    let context = PickContext(
      now: .now(),
      random: self.random.next(),
      hash: self.policy.hash(of: call.request)
    )
    let pick = self.balancer.pick(context)
    if !pick.actions.isEmpty { self.pending = pick.actions }
    switch pick.decision {
    case .endpoint(let id):
      // The balancer knows of no others; if it did, the call would wait for the next pick.
      guard let subchannel = self.subchannels[id] else { return .wait }
      if self.policy.staysWithItsPick { self.selected = subchannel }
      return .endpoint(subchannel)
    case .wait: return .wait
    case .fail(let error): return .fail(error)
    }
  }

  /// A call has been picked for, or would like to be: does what that takes.
  func connect() {
    guard !self.isClosed, self.policy.problem == nil else { return }
    guard self.resolution != nil else { return self.beginResolution() }
    if let actions = self.pending.take() {
      self.perform(actions)
    }
  }

  /// The call goes to the endpoint that was picked; `ended` or `moved` follows.
  func began(_ call: ClientCall, at subchannel: Subchannel) {
    guard self.policy.learnsFromCalls else { return }
    let now = MonotonicInstant.now()
    call.pick = (subchannel.id, now)
    call.wantsLoad = self.policy.wantsLoadReports
    self.balancer.callStarted(subchannel.id, now: now)
  }

  /// The call is over.
  func ended(_ call: ClientCall, _ error: RPCError?) {
    guard let pick = call.pick.take() else { return }
    let now = MonotonicInstant.now()
    let latency = pick.at.duration(to: now).saturatedNanoseconds
    self.balancer.callEnded(
      pick.endpoint,
      CallReport(ending: error, after: latency, load: call.load),
      now: now
    )
  }

  /// The call goes on, and elsewhere.
  func moved(_ call: ClientCall) {
    guard let pick = call.pick.take() else { return }
    self.balancer.callEnded(pick.endpoint, CallReport(.neutral, latency: 0), now: .now())
  }

  /// Connects without a call.
  func exitIdle() {
    self.connect()
    self.perform(self.balancer.exitIdle(now: .now()))
  }

  func callEnded(_ call: ClientCall, _ failure: ClientFailure?) {
    self.owner?.callEnded(call, failure)
  }

  // MARK: - Finding endpoints

  private func beginResolution() {
    let resolution = Resolution(self.resolver, self.configuration, on: self.eventLoop) { result in
      self.resolved(result)
    }
    self.resolution = resolution
    self.watch.set(.connecting)
    resolution.begin()
  }

  /// Asks the resolver again, now.
  func refresh() {
    self.resolution?.refresh()
  }

  private func resolved(_ result: Result<[ResolvedEndpoint], RPCError>) {
    guard !self.isClosed else { return }
    switch result {
    case .success(let endpoints): self.update(endpoints)
    case .failure(let error): self.perform(self.balancer.resolutionFailed(error))
    }
  }

  private func update(_ endpoints: [ResolvedEndpoint]) {
    var balanced: [BalancedEndpoint] = []
    var listed: [Endpoint: EndpointID] = [:]
    for resolved in endpoints where listed[resolved.endpoint] == nil {
      let id = self.identifiers[resolved.endpoint] ?? self.makeSubchannel(resolved.endpoint)
      listed[resolved.endpoint] = id
      balanced.append(BalancedEndpoint(resolved, id: id))
    }
    let gone = self.identifiers.filter { listed[$0.key] == nil }.values
    self.identifiers = listed
    let actions = self.balancer.update(balanced, now: .now(), random: self.random.next())
    for id in gone {
      guard let subchannel = self.subchannels.removeValue(forKey: id) else { continue }
      self.letGo(subchannel)
      self.owner?.picksEnded(subchannel)
    }
    self.perform(actions)
  }

  private func letGo(_ subchannel: Subchannel) {
    self.healthWatches.removeValue(forKey: subchannel.id)?.stop()
    subchannel.close()
    if !subchannel.isGone { self.leaving.append(subchannel) }
  }

  private func makeSubchannel(_ endpoint: Endpoint) -> EndpointID {
    let id = EndpointID(rawValue: self.nextIdentifier)
    self.nextIdentifier &+= 1
    let terms = Dial.Terms(
      configuration: self.configuration,
      keepalive: self.keepalive,
      memory: self.memory,
      writeBuffer: self.writeBuffer,
      authority: self.configuration.authority ?? self.resolver.authority,
      serverName: self.configuration.tls?.serverName(of: endpoint, serviceName: self.resolver.serverName),
      channelz: self.channelz?.addSubchannel(target: endpoint.description)
    )
    self.subchannels[id] = Subchannel(to: endpoint, id, terms, on: self.eventLoop, owner: self)
    return id
  }

  // MARK: - The balancer's shell

  private func perform(_ actions: BalancerActions) {
    for id in actions.disconnect {
      guard let subchannel = self.subchannels[id] else { continue }
      self.healthWatches.removeValue(forKey: id)?.stop()
      subchannel.disconnect()
      self.owner?.picksEnded(subchannel)
    }
    for id in actions.connect {
      self.subchannels[id]?.connect()
    }
    if actions.resolve { self.resolution?.request() }
    if actions.repick { self.owner?.picksChanged() }
    self.settle()
  }

  /// What follows from the balancer's state after each input.
  private func settle() {
    guard !self.isClosed else { return }
    self.watch.set(self.balancer.state)
    guard let next = self.balancer.nextTimer else { return }
    let timer =
      self.timer
      ?? DeadlineTimer(on: self.eventLoop) {
        self.timerFired()
      }
    self.timer = timer
    timer.update(next)
  }

  private func timerFired() {
    guard !self.isClosed else { return }
    self.perform(self.balancer.timerFired(now: .now(), random: self.random.next()))
  }

  // MARK: - Connections

  func stateChanged(_ subchannel: Subchannel) {
    guard !self.isClosed, self.subchannels[subchannel.id] === subchannel else { return }
    let state = subchannel.state
    self.healthWatches.removeValue(forKey: subchannel.id)?.stop()
    if state == .ready, let service = self.configuration.healthCheckedService {
      self.watchHealth(of: service, at: subchannel)
    } else {
      self.report(subchannel, state)
    }
  }

  private func watchHealth(of service: String, at subchannel: Subchannel) {
    let watch = HealthWatch(
      of: service,
      at: subchannel,
      backoff: self.configuration.backoff,
      on: self.eventLoop
    ) { watch, health in
      guard self.healthWatches[subchannel.id] === watch else { return }
      self.report(subchannel, .healthy(health, of: service, at: subchannel.endpoint))
    }
    self.healthWatches[subchannel.id] = watch
    // Until the server has said that it is, for which calls wait as for a connection.
    watch.begin()
  }

  private func report(_ subchannel: Subchannel, _ state: EndpointState) {
    let wasReady = self.balancer.state == .ready
    let actions = self.balancer.connectivityChanged(subchannel.id, to: state, now: .now())
    if state != .ready { self.owner?.picksEnded(subchannel) }
    self.perform(actions)
    // A client that is used makes a lost connection anew at once: the next call need not wait for it. One that is not
    // waits for a call, else a server that ends idle connections would never be rid of it.
    if wasReady, self.balancer.state == .idle, self.isUsed {
      self.isUsed = false
      self.perform(self.balancer.exitIdle(now: .now()))
    }
  }

  func hasRoom(_ subchannel: Subchannel) {
    self.owner?.hasRoom(subchannel)
  }

  func identified(_ subchannel: Subchannel, as identity: PeerIdentity?) {
    self.server.value = Peer(address: self.server.value.address, identity: identity)
  }

  func connectionEnded(_ subchannel: Subchannel) {
    self.leaving.removeAll { $0.isGone }
    self.owner?.connectionEnded()
  }

  /// Forgets the failures of all endpoints: whoever waits out a backoff connects now.
  func resetBackoff() {
    for subchannel in self.subchannels.values {
      subchannel.resetBackoff()
    }
    self.resolution?.refresh()
  }

  /// There have been no calls for long: gives up every connection until there is one, and what was resolved.
  func goIdle() {
    self.resolution?.stop()
    self.resolution = nil
    self.timer?.stop()
    self.timer = nil
    self.pending = nil
    self.balancer = self.policy.makeBalancer()
    for subchannel in self.subchannels.values {
      self.letGo(subchannel)
    }
    self.subchannels = [:]
    self.identifiers = [:]
    self.watch.set(.idle)
  }

  // MARK: - Closing

  func close() {
    self.isClosed = true
    self.watch.set(.shutdown)
    self.resolution?.stop()
    self.resolution = nil
    self.timer?.stop()
    for watch in self.healthWatches.values {
      watch.stop()
    }
    for subchannel in self.subchannels.values {
      subchannel.close()
    }
  }

  /// Whether nothing of them is open any more.
  var isGone: Bool { self.leaving.allSatisfy(\.isGone) && self.subchannels.values.allSatisfy(\.isGone) }
}

extension BalancedEndpoint {
  fileprivate init(_ resolved: ResolvedEndpoint, id: EndpointID) {
    self.init(
      id: id,
      family: resolved.endpoint.family,
      weight: resolved.weight,
      hashKey: resolved.hashKey ?? resolved.endpoint.description,
      stake: resolved.stake
    )
  }
}

extension EndpointState {
  fileprivate static func healthy(_ health: HealthWatch.Health, of service: String, at endpoint: Endpoint)
    -> Self
  {
    switch health {
    case .unknown: return .connecting
    case .serving: return .ready
    case .notServing(let reason):
      let name = service.isEmpty ? "the server" : "the service \(service)"
      return .transientFailure(
        RPCError(
          code: .unavailable,
          message: "\(endpoint): \(name) is not healthy: \(reason)",
          origin: .transport
        )
      )
    }
  }
}
