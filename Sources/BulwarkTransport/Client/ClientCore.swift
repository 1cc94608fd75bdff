import BulwarkCore
import BulwarkWire
import NIOCore

/// A client on its event loop: the calls that wait, the endpoints they go to, and the deadlines of all of them.
///
/// Made anywhere, then used on its loop only.
final class ClientCore: EndpointSetOwner {
  private let configuration: ClientConfiguration
  private let eventLoop: any EventLoop
  private let endpoints: EndpointSet
  private let channelz: ChannelzChannel?

  // What a call touches is free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.

  /// Calls that wait until it is known which endpoint they go to; those that know it wait there.
  @exclusivity(unchecked) private var waiting = WaitingCalls()
  /// How many calls wait, here and at the endpoints.
  @exclusivity(unchecked) private var waitingCount = 0
  @exclusivity(unchecked) private var calls: [UInt64: ClientCall] = [:]
  @exclusivity(unchecked) private var deadlines = DeadlineTable<UInt64>()
  @exclusivity(unchecked) private var nextID: UInt64 = 0
  @exclusivity(unchecked) private var isClosed = false
  private var closeWaiters: [CheckedContinuation<Void, Never>] = []

  @exclusivity(unchecked) private var deadlineTimer: DeadlineTimer?
  private var closeTimer: DeadlineTimer?
  @exclusivity(unchecked) private var idleTimer: IdleTimer?

  init(
    endpoints: EndpointSet,
    configuration: ClientConfiguration,
    channelz: ChannelzChannel? = nil,
    eventLoop: any EventLoop
  ) {
    self.endpoints = endpoints
    self.channelz = channelz
    self.configuration = configuration
    self.eventLoop = eventLoop
    endpoints.owner = self
  }

  // MARK: - Calls

  func start(_ call: ClientCall) {
    guard case .new = call.state else {
      call.receiver.failed(.cancelledByCaller)
      return
    }
    if self.idleTimer == nil { self.watchForIdleness() }
    self.nextID += 1
    call.id = self.nextID
    self.calls[call.id] = call
    self.channelz?.callStarted()
    if let deadline = call.request.deadline {
      guard deadline > .now() else {
        self.end(call, .deadlineExceeded)
        return
      }
      self.deadlines.insert(call.id, at: deadline)
      self.armDeadlineTimer()
    }
    self.route(call)
  }

  private func route(_ call: ClientCall) {
    guard !self.isClosed else { return self.end(call, .clientClosed) }
    switch self.endpoints.pick(call) {
    case .endpoint(let subchannel):
      self.endpoints.began(call, at: subchannel)
      if subchannel.waiting.count > 0 || !self.open(call, at: subchannel) {
        self.enqueue(call, at: subchannel)
      }
    case .refuse(let error):
      self.end(call, error)
    case .fail(let error) where !call.waitForReady:
      self.end(call, error)
    case .wait, .fail:
      self.enqueue(call, at: nil)
    }
    // Only now: what comes of it may concern this call.
    self.endpoints.connect()
  }

  private func enqueue(_ call: ClientCall, at subchannel: Subchannel?) {
    guard self.waitingCount < self.configuration.maxWaitingCalls else {
      self.end(call, .tooManyWaiting(limit: self.configuration.maxWaitingCalls))
      return
    }
    call.state = .waiting(at: subchannel)
    self.waitingCount += 1
    if let subchannel {
      subchannel.waiting.append(call)
    } else {
      self.waiting.append(call)
    }
  }

  /// Starts the call at the endpoint; false if that has no room.
  private func open(_ call: ClientCall, at subchannel: Subchannel) -> Bool {
    do throws(RPCError) {
      return try subchannel.start(call)
    } catch {
      self.end(call, error)
      return true
    }
  }

  /// The caller wants no answer any more.
  func cancel(_ call: ClientCall) {
    switch call.state {
    case .new:
      // `start` is on its way, and answers.
      call.state = .ended
    case .waiting, .open:
      self.drop(call, .cancelledByCaller)
    case .ended:
      break
    }
  }

  /// Ends a call from this side.
  private func drop(_ call: ClientCall, _ error: RPCError) {
    if case .open(let handler, let stream) = call.state {
      handler.cancel(stream)
    }
    self.end(call, error)
  }

  private func end(_ call: ClientCall, _ error: RPCError?) {
    let last = call.state
    call.state = .ended
    if case .waiting(at: let subchannel) = last {
      self.waitingCount -= 1
      if let subchannel {
        subchannel.waiting.left()
      } else {
        self.waiting.left()
      }
    }
    self.calls[call.id] = nil
    self.deadlines.remove(call.id)
    self.channelz?.callEnded(isOK: error == nil)
    let error = error.map { call.hasRunOut ? .deadlineExceeded : $0 }
    self.endpoints.ended(call, error)
    if let error {
      call.receiver.failed(error)
    }
  }

  func send(_ call: ClientCall, from messages: OutboundMessages, _ time: DrainTime) {
    guard case .open(let handler, let stream) = call.state else { return }
    handler.send(stream, from: messages, time)
  }

  func consumed(_ call: ClientCall, bytes: Int) {
    guard case .open(let handler, let stream) = call.state else { return }
    handler.consumed(stream, bytes: bytes)
  }

  func callEnded(_ call: ClientCall, _ failure: ClientFailure?) {
    guard let failure else {
      self.end(call, nil)
      return
    }
    if failure.isUnprocessed, !call.hasRunOut, !call.wasResent, !self.isClosed, call.receiver.rewind() {
      call.wasResent = true
      call.state = .new
      self.endpoints.moved(call)
      self.route(call)
      return
    }
    self.end(call, failure.error)
  }

  // MARK: - Deadlines

  private func armDeadlineTimer() {
    let timer =
      self.deadlineTimer
      ?? DeadlineTimer(on: self.eventLoop) {
        self.deadlinesReached()
      }
    self.deadlineTimer = timer
    timer.update(self.deadlines.earliest)
  }

  private func deadlinesReached() {
    let now = MonotonicInstant.now()
    while let id = self.deadlines.popExpired(now: now) {
      if let call = self.calls[id] {
        self.drop(call, .deadlineExceeded)
      }
    }
    self.armDeadlineTimer()
  }

  // MARK: - Endpoints

  /// Connects without a call.
  func connect() {
    guard !self.isClosed else { return }
    if self.idleTimer == nil { self.watchForIdleness() }
    self.endpoints.exitIdle()
  }

  func resetBackoff() {
    self.endpoints.resetBackoff()
  }

  func refreshEndpoints() {
    self.endpoints.refresh()
  }

  func picksChanged() {
    // Those that go on waiting are appended again: each is looked at once.
    for _ in 0..<self.waiting.count {
      guard let call = self.waiting.popFirst() else { return }
      self.routeAgain(call)
    }
  }

  func picksEnded(_ subchannel: Subchannel) {
    while let call = subchannel.waiting.popFirst() {
      self.routeAgain(call)
    }
  }

  private func routeAgain(_ call: ClientCall) {
    self.waitingCount -= 1
    call.state = .new
    self.endpoints.moved(call)
    self.route(call)
  }

  func hasRoom(_ subchannel: Subchannel) {
    while let call = subchannel.waiting.popFirst() {
      self.waitingCount -= 1
      call.state = .new
      guard self.open(call, at: subchannel) else {
        call.state = .waiting(at: subchannel)
        self.waitingCount += 1
        subchannel.waiting.prepend(call)
        return
      }
    }
  }

  // MARK: - Idleness

  private func watchForIdleness() {
    guard let timeout = self.configuration.idleTimeout else { return }
    self.idleTimer = IdleTimer(timeout: timeout, on: self.eventLoop) {
      (self.calls.count, self.nextID)
    } goIdle: {
      self.idleTimer?.stop()
      self.idleTimer = nil
      self.endpoints.goIdle()
    }
  }

  // MARK: - Closing

  /// Takes no new calls; closes each connection when its calls have ended.
  func close(_ waiter: CheckedContinuation<Void, Never>?) {
    if let waiter {
      self.closeWaiters.append(waiter)
    }
    if !self.isClosed {
      self.isClosed = true
      self.idleTimer?.stop()
      self.endpoints.close()
      for call in self.calls.values {
        if case .waiting = call.state { self.end(call, .clientClosed) }
      }
      self.boundClose()
    }
    self.connectionEnded()
  }

  /// Ends the calls that are still open when the time for a graceful close is over.
  private func boundClose() {
    let timer = DeadlineTimer(on: self.eventLoop) {
      for call in self.calls.values {
        self.drop(call, .clientClosed)
      }
    }
    self.closeTimer = timer
    timer.update(.now().advanced(by: self.configuration.gracefulShutdownTimeout))
  }

  func connectionEnded() {
    guard self.isClosed, self.endpoints.isGone else { return }
    self.deadlineTimer?.stop()
    self.closeTimer?.stop()
    self.endpoints.owner = nil
    self.channelz?.close()
    for waiter in self.closeWaiters {
      waiter.resume()
    }
    self.closeWaiters = []
  }
}

extension RPCError {
  static func tooManyWaiting(limit: Int) -> RPCError {
    RPCError(
      code: .resourceExhausted,
      message: "\(limit) calls are waiting for the connection already, which is the limit"
    )
  }
}
