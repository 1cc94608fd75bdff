package import BulwarkCore

/// Which endpoint does each call go to, and which of them have to be connected?
///
/// A balancer is a value without a clock, a lock or chance of its own. The channel's shell keeps it under one lock,
/// tells it what happens, and carries out the ``BalancerActions`` after it has let go of the lock. Until the first
/// ``update(_:now:random:)`` calls wait.
///
/// Of the endpoints' connections it takes for granted:
/// - one begins idle, and becomes idle again when it is lost, when its server goes away, and when the backoff after a
///   failure is over. It may as well connect again by itself after a failure;
/// - `connect` has an idle one connect, and is nothing to any other;
/// - what they report comes in the order in which it happened.
package protocol LoadBalancer: Sendable {
  /// The state of the channel as a whole.
  var state: ConnectivityState { get }

  /// When ``timerFired(now:random:)`` is due; nil for no timer. To be read again after each input.
  var nextTimer: MonotonicInstant? { get }

  /// The resolver's list, which takes the place of the one before. An endpoint that is in both keeps its identifier,
  /// and its connection; the shell closes those that are no longer listed. A second entry for an identifier is
  /// ignored.
  mutating func update(_ endpoints: [BalancedEndpoint], now: MonotonicInstant, random: UInt64)
    -> BalancerActions

  /// There is no list, and this is why. What was listed before stays in use; without it calls fail with the error.
  mutating func resolutionFailed(_ error: RPCError) -> BalancerActions

  /// An endpoint's connection has come to another state. Of an endpoint that is not listed, it means nothing.
  mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now: MonotonicInstant
  ) -> BalancerActions

  /// Where does this call go? Allocates nothing where there is nothing to connect.
  mutating func pick(_ context: PickContext) -> Pick

  /// A call that was picked for is on its way. ``callEnded(_:_:now:)`` follows once, on every way out.
  mutating func callStarted(_ id: EndpointID, now: MonotonicInstant)

  /// A call that was started is over.
  mutating func callEnded(_ id: EndpointID, _ report: CallReport, now: MonotonicInstant)

  /// An endpoint has said, outside any call, how busy it is (gRFC A51, out of band).
  mutating func loadReported(_ id: EndpointID, _ load: LoadReport, now: MonotonicInstant)

  /// The instant of ``nextTimer`` has come.
  mutating func timerFired(now: MonotonicInstant, random: UInt64) -> BalancerActions

  /// Somebody wants the channel to connect without a call.
  mutating func exitIdle(now: MonotonicInstant) -> BalancerActions
}

extension LoadBalancer {
  package var nextTimer: MonotonicInstant? { nil }
  package mutating func callStarted(_: EndpointID, now _: MonotonicInstant) {}
  package mutating func callEnded(_: EndpointID, _: CallReport, now _: MonotonicInstant) {}
  package mutating func loadReported(_: EndpointID, _: LoadReport, now _: MonotonicInstant) {}

  package mutating func timerFired(now _: MonotonicInstant, random _: UInt64) -> BalancerActions {
    BalancerActions()
  }

  package mutating func exitIdle(now _: MonotonicInstant) -> BalancerActions {
    BalancerActions()
  }
}

/// What the shell does after an input, in any order.
package struct BalancerActions: Hashable, Sendable {
  /// The endpoints that connect now, if they are idle.
  package var connect: [EndpointID] = []
  /// The endpoints whose attempt or connection is not wanted any more. They are idle from here on.
  package var disconnect: [EndpointID] = []
  /// Look for addresses again, as soon as the resolver may.
  package var resolve = false
  /// What a pick gives has changed: let the calls that wait try again.
  package var repick = false
  /// What outlier detection has found, for the log.
  package var ejections: [Ejection] = []
  /// The endpoints that outlier detection left out, and that get calls again.
  package var readmissions: [EndpointID] = []

  /// Whether there is nothing to do.
  package var isEmpty: Bool {
    self.connect.isEmpty && self.disconnect.isEmpty && !self.resolve && !self.repick
  }

  package init(
    connect: [EndpointID] = [],
    disconnect: [EndpointID] = [],
    resolve: Bool = false,
    repick: Bool = false
  ) {
    self.connect = connect
    self.disconnect = disconnect
    self.resolve = resolve
    self.repick = repick
  }

  mutating func add(_ more: BalancerActions) {
    self.connect += more.connect
    self.disconnect += more.disconnect
    self.resolve = self.resolve || more.resolve
    self.repick = self.repick || more.repick
    self.ejections += more.ejections
    self.readmissions += more.readmissions
  }
}

/// What a balancer may look at to choose.
package struct PickContext: Hashable, Sendable {
  package var now: MonotonicInstant
  /// A random number, of 64 good bits.
  package var random: UInt64
  /// The hash of what the call is to be tied to; nil for nothing. See ``RingHashMachine``.
  package var hash: UInt64?

  package init(now: MonotonicInstant, random: UInt64, hash: UInt64? = nil) {
    self.now = now
    self.random = random
    self.hash = hash
  }
}

/// Where a call goes.
package struct Pick: Hashable, Sendable {
  package enum Decision: Hashable, Sendable {
    /// There, now: the endpoint is ready.
    case endpoint(EndpointID)
    /// Keep it until a `repick`.
    case wait
    /// Fail it; but keep it if it waits for a connection (gRPC's wait-for-ready).
    case fail(RPCError)
  }

  package var decision: Decision
  package var actions: BalancerActions

  package init(_ decision: Decision, actions: BalancerActions = BalancerActions()) {
    self.decision = decision
    self.actions = actions
  }
}
