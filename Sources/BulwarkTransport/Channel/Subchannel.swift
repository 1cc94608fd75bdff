import BulwarkBalancing
import BulwarkCore
import BulwarkWire
import NIOCore

/// What an endpoint's connections tell the client, on its event loop.
protocol SubchannelOwner: AnyObject {
  /// The state is another one, or the reason for it.
  func stateChanged(_ subchannel: Subchannel)
  /// The queue of the subchannel can be served.
  func hasRoom(_ subchannel: Subchannel)
  func callEnded(_ call: ClientCall, _ failure: ClientFailure?)
  /// Who is at the other end of the newest connection.
  func identified(_ subchannel: Subchannel, as identity: PeerIdentity?)
  /// A connection, or the attempt to make one, is over.
  func connectionEnded(_ subchannel: Subchannel)
}

/// The connections to one endpoint of a client.
///
/// There is one, and more once that is at the server's stream limit, if the client may (gRFC A105). Used on its event loop only.
final class Subchannel: ClientConnectionOwner {
  let endpoint: Endpoint
  let id: EndpointID
  private let terms: Dial.Terms
  private let eventLoop: any EventLoop
  /// Until it is closed and nothing of it is open.
  @exclusivity(unchecked) private var owner: (any SubchannelOwner)?

  private var machine: SubchannelMachine {
    didSet { self.terms.channelz?.changed(to: self.machine.connectivity, self.machine.lastError) }
  }
  /// The connections that take new calls. Free of dynamic exclusivity checks, as is what else a call touches: no access lasts
  /// for longer than the statement that makes it.
  @exclusivity(unchecked) private var ready: [ClientChannelHandler] = []
  /// Every connection that is not closed, those that only finish their calls included.
  private var live: [ObjectIdentifier: ClientChannelHandler] = [:]
  /// The attempt that goes on: its channel is being made.
  private var dial: Dial?
  /// Attempts that were given up and have not ended yet.
  private var abandoned: [Dial] = []
  /// The connection whose SETTINGS have not come.
  private var connecting: ClientChannelHandler?
  private var backoffTimer: DeadlineTimer?
  /// Before this no further connection is tried beside those that are there.
  private var nextFurther: MonotonicInstant?
  private var furtherFailures = 0

  /// Calls that are for this endpoint and wait for room.
  @exclusivity(unchecked) var waiting = WaitingCalls()

  init(
    to endpoint: Endpoint,
    _ id: EndpointID,
    _ terms: Dial.Terms,
    on eventLoop: any EventLoop,
    owner: any SubchannelOwner
  ) {
    self.endpoint = endpoint
    self.id = id
    self.terms = terms
    self.eventLoop = eventLoop
    self.owner = owner
    self.machine = SubchannelMachine(backoff: terms.configuration.backoff)
  }

  var state: EndpointState {
    switch self.machine.connectivity {
    case .idle, .shutdown: .idle
    case .connecting: .connecting
    case .ready: .ready
    case .transientFailure: .transientFailure(self.machine.lastError ?? .clientClosed)
    }
  }

  /// Whether nothing of it is open any more.
  var isGone: Bool { self.live.isEmpty && !self.abandoned.contains(where: \.isSecuring) }

  // MARK: - Calls

  /// Starts the call on a connection that has room; false if none has.
  ///
  /// - Throws: ``RPCError`` if the call can be sent on no connection.
  func start(_ call: ClientCall) throws(RPCError) -> Bool {
    // By index: a copy of the array would be counted, and a start can change it.
    var index = 0
    while index < self.ready.count {
      let handler = self.ready[index]
      index += 1
      guard handler.hasRoom else { continue }
      guard let stream = try handler.start(call) else { continue }
      call.state = .open(handler, stream)
      call.receiver.opened(handler.connection.counters)
      handler.flushStarted()
      return true
    }
    self.connectFurther()
    return false
  }

  // MARK: - Connecting

  /// Makes the connection if there is none and none is being made.
  func connect() {
    guard self.machine.connect(now: .now()) else { return }
    self.owner?.stateChanged(self)
    // A further connection may be on its way already: then that is the one.
    if self.dial == nil, self.connecting == nil { self.beginDial() }
  }

  /// Ends the attempt or the connections; the state is idle. Calls that are open go on to their ends.
  func disconnect() {
    guard self.machine.disconnect() else { return }
    self.letGo()
  }

  /// Forgets the failures, and how long to wait after them.
  func resetBackoff() {
    self.nextFurther = nil
    self.furtherFailures = 0
    guard self.machine.resetBackoff() else { return }
    self.backoffTimer?.stop()
    self.owner?.stateChanged(self)
  }

  /// Makes one more connection beside those that are full.
  private func connectFurther() {
    guard !self.ready.isEmpty, self.ready.count < self.terms.configuration.maxConnectionsPerEndpoint,
      self.dial == nil, self.connecting == nil, self.machine.connectivity == .ready
    else { return }
    if let nextFurther = self.nextFurther, nextFurther > .now() { return }
    self.beginDial()
  }

  private func beginDial() {
    let dial = Dial(to: self.endpoint, self.terms, on: self.eventLoop, owner: self) { dial, result in
      self.dialEnded(dial, result)
    }
    self.dial = dial
    dial.begin()
  }

  private func dialEnded(
    _ dial: Dial,
    _ result: Result<(ClientChannelHandler, PeerIdentity?), Dial.Failure>
  ) {
    guard dial === self.dial else {
      self.abandoned.removeAll { $0 === dial }
      self.connectionEnded()
      return
    }
    self.dial = nil
    switch result {
    case .success((let handler, let identity)):
      // Its SETTINGS may have come already.
      self.live[ObjectIdentifier(handler)] = handler
      self.connecting = handler
      self.owner?.identified(self, as: identity)
      handler.reportIfReady()
    case .failure(let failure):
      self.connectFailed(failure.reason)
      self.connectionEnded()
    }
  }

  private func connectFailed(_ reason: String) {
    guard self.ready.isEmpty else {
      let backoff = self.terms.configuration.backoff
      let delay = backoff.delay(afterFailures: self.furtherFailures, jitter: .random(in: -1...1))
      self.nextFurther = .now().advanced(by: delay)
      self.furtherFailures += 1
      return
    }
    self.handle(
      self.machine.connectFailed("\(self.endpoint): \(reason)", now: .now(), jitter: .random(in: -1...1))
    )
  }

  func connectionReady(_ handler: ClientChannelHandler) {
    guard handler === self.connecting else { return }
    self.connecting = nil
    self.ready.append(handler)
    self.furtherFailures = 0
    guard self.machine.connectivity == .ready else {
      self.machine.connected(now: .now())
      self.owner?.stateChanged(self)
      return
    }
    self.owner?.hasRoom(self)
  }

  func connectionHasRoom(_ handler: ClientChannelHandler) {
    guard self.waiting.count > 0 else { return }
    self.owner?.hasRoom(self)
  }

  func connectionGoingAway(_ handler: ClientChannelHandler, reason: String) {
    guard self.noLongerReady(handler) else { return }
    let action = self.machine.goingAway(
      "\(self.endpoint): \(reason)",
      hasAnswered: handler.hasAnswered,
      now: .now(),
      jitter: .random(in: -1...1)
    )
    self.handle(action)
  }

  func connectionClosed(_ handler: ClientChannelHandler, reason: String) {
    self.live[ObjectIdentifier(handler)] = nil
    if handler === self.connecting {
      self.connecting = nil
      self.connectFailed(reason)
    } else if self.noLongerReady(handler) {
      self.handle(
        self.machine.connectionLost("\(self.endpoint): \(reason)", now: .now(), jitter: .random(in: -1...1))
      )
    }
    self.connectionEnded()
  }

  func callEnded(_ call: ClientCall, _ failure: ClientFailure?) {
    self.owner?.callEnded(call, failure)
  }

  /// Takes a connection out of those that take calls; true if it was the last of them.
  private func noLongerReady(_ handler: ClientChannelHandler) -> Bool {
    guard let place = self.ready.firstIndex(where: { $0 === handler }) else { return false }
    self.ready.remove(at: place)
    return self.ready.isEmpty
  }

  private func handle(_ action: SubchannelMachine.OnFailure) {
    switch action {
    case .doNothing:
      return
    case .rest:
      break
    case .backOff(until: let instant):
      self.backoffTimer?.stop()
      let timer = DeadlineTimer(on: self.eventLoop) {
        guard self.machine.backoffElapsed() else { return }
        self.owner?.stateChanged(self)
      }
      self.backoffTimer = timer
      timer.update(instant)
    }
    self.owner?.stateChanged(self)
  }

  // MARK: - Closing

  /// Makes no more connections; those that are there close when their calls have ended.
  func close() {
    self.machine.close()
    self.backoffTimer?.stop()
    self.letGo()
    self.forgetOwnerIfGone()
  }

  private func connectionEnded() {
    self.owner?.connectionEnded(self)
    self.forgetOwnerIfGone()
  }

  private func forgetOwnerIfGone() {
    guard self.machine.connectivity == .shutdown, self.isGone else { return }
    self.owner = nil
    self.terms.channelz?.close()
  }

  private func letGo() {
    self.ready = []
    self.connecting = nil
    for handler in self.live.values {
      handler.beginShutdown()
    }
    guard let dial = self.dial.take() else { return }
    self.abandoned.append(dial)
    dial.cancel()
  }
}
