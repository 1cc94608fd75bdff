import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import NIOCore
import NIOPosix
import NIOSSL

/// A client on its event loop: the calls that wait, the connection they go to, and the deadlines of all of them.
///
/// Made anywhere, then used on its loop only.
final class ClientCore: ClientConnectionOwner {
  private let endpoint: Endpoint
  private let configuration: ClientConfiguration
  private let server: KnownPeer
  private let eventLoop: any EventLoop

  private var machine: ChannelMachine
  /// Calls that wait for a connection or for room; those that have ended are skipped when they come up.
  private var waiting = Deque<ClientCall>()
  private var waitingCount = 0
  private var calls: [UInt64: ClientCall] = [:]
  private var deadlines = DeadlineTable<UInt64>()
  private var nextID: UInt64 = 0

  /// The connection that takes new calls.
  private var current: ClientChannelHandler?
  /// Every connection that is not closed, the ones that only finish their calls included.
  private var live: [ObjectIdentifier: ClientChannelHandler] = [:]
  /// The connection that is being made ready: its channel is open, its SETTINGS have not come.
  private var connecting: ClientChannelHandler?
  /// The connection whose TLS handshake is going on.
  private var securing: (any Channel)?
  private var closeWaiters: [CheckedContinuation<Void, Never>] = []

  private var deadlineTimer: DeadlineTimer?
  private var backoffTimer: DeadlineTimer?
  private var closeTimer: DeadlineTimer?

  init(
    endpoint: Endpoint,
    configuration: ClientConfiguration,
    server: KnownPeer,
    eventLoop: any EventLoop
  ) {
    self.endpoint = endpoint
    self.configuration = configuration
    self.server = server
    self.eventLoop = eventLoop
    self.machine = ChannelMachine(backoff: configuration.backoff)
  }

  // MARK: - Calls

  func start(_ call: ClientCall) {
    guard case .new = call.state else {
      call.receiver.failed(.cancelledByCaller)
      return
    }
    self.nextID += 1
    call.id = self.nextID
    self.calls[call.id] = call
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
    switch self.machine.call(waitForReady: call.waitForReady, now: .now()) {
    case .send:
      guard self.waitingCount == 0, let current = self.current, current.hasRoom, self.open(call, on: current)
      else { return self.enqueue(call) }
    case .connect:
      self.enqueue(call)
      self.connect()
    case .wait:
      self.enqueue(call)
    case .fail(let error):
      self.end(call, error)
    }
  }

  private func enqueue(_ call: ClientCall) {
    guard self.waitingCount < self.configuration.maxWaitingCalls else {
      self.end(call, .tooManyWaiting(limit: self.configuration.maxWaitingCalls))
      return
    }
    call.state = .waiting
    self.waiting.append(call)
    self.waitingCount += 1
  }

  /// Starts the call on the connection; false if that has no room after all.
  private func open(_ call: ClientCall, on handler: ClientChannelHandler) -> Bool {
    do throws(RPCError) {
      guard let stream = try handler.start(call) else { return false }
      call.state = .open(handler, stream)
      call.receiver.opened()
      handler.flushStarted()
    } catch {
      self.end(call, error)
    }
    return true
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
    if case .waiting = call.state {
      self.waitingCount -= 1
      self.compactWaiting()
    }
    call.state = .ended
    self.calls[call.id] = nil
    self.deadlines.remove(call.id)
    if let error {
      call.receiver.failed(error)
    }
  }

  func send(_ call: ClientCall, from messages: OutboundMessages) {
    guard case .open(let handler, let stream) = call.state else { return }
    handler.send(stream, from: messages)
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
    if failure.isUnprocessed, call.onlyMessage != nil, !call.wasResent, !self.machine.isClosed {
      call.wasResent = true
      call.state = .new
      self.route(call)
      return
    }
    // The server's own clock may have run out first; to the caller it is one and the same deadline.
    let hasRunOut = call.request.deadline.map { $0 <= .now() } ?? false
    self.end(call, failure.error.code == .cancelled && hasRunOut ? .deadlineExceeded : failure.error)
  }

  // MARK: - Deadlines

  private func armDeadlineTimer() {
    let timer =
      self.deadlineTimer
      ?? DeadlineTimer(on: self.eventLoop) { [weak self] in
        self?.deadlinesReached()
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

  // MARK: - Waiting calls

  private func serveWaiting() {
    while let current = self.current, current.hasRoom, let call = self.waiting.popFirst() {
      guard case .waiting = call.state else { continue }
      call.state = .new
      self.waitingCount -= 1
      guard self.open(call, on: current) else {
        call.state = .waiting
        self.waitingCount += 1
        self.waiting.prepend(call)
        return
      }
    }
  }

  /// Ended calls leave the queue when they come up; if they are most of it, now.
  private func compactWaiting() {
    guard self.waiting.count > 64, self.waiting.count > 2 * self.waitingCount else { return }
    self.waiting.removeAll { if case .waiting = $0.state { false } else { true } }
  }

  private func failWaiting(_ error: RPCError, onlyFailFast: Bool) {
    for call in self.waiting where !(onlyFailFast && call.waitForReady) {
      if case .waiting = call.state {
        self.end(call, error)
      }
    }
  }

  // MARK: - Connecting

  private func connect() {
    do {
      try self.configuration.http2.validate()
    } catch {
      self.handle(self.machine.connectFailed("\(error)", now: .now(), jitter: .random(in: -1...1)))
      return
    }
    let core = NIOLoopBound(self, eventLoop: self.eventLoop)
    let deadline = NIODeadline.now() + TimeAmount(self.configuration.connectTimeout)
    let bootstrap = ClientBootstrap(group: self.eventLoop)
      .connectTimeout(TimeAmount(self.configuration.connectTimeout))
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 * 1024))
      // Run once for each address that is tried: each channel has a connection of its own. Over TLS only the one that
      // is connected gets its handlers, before anything can come.
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard core.value.configuration.tls == nil else { return }
          try channel.pipeline.syncOperations.addHandler(core.value.makeHandler())
        }
      }
    let channel =
      switch self.endpoint {
      case .tcp(let host, let port):
        bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(host: host, port: port)
      case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
      }
    channel.whenComplete { result in
      core.value.connectCompleted(result, deadline)
    }
  }

  private func makeHandler() -> ClientChannelHandler {
    let connection = ClientConnection(
      authority: self.configuration.authority ?? self.endpoint.authority,
      userAgent: self.configuration.userAgent,
      isSecure: self.configuration.tls != nil,
      http2Limits: self.configuration.http2,
      limits: self.configuration.limits,
      accepting: self.configuration.compression.accepted,
      now: .now()
    )
    let isSecure = self.configuration.tls != nil
    return ClientChannelHandler(
      connection: connection,
      owner: self,
      earlyCloseReason: isSecure ? TLSFailure(side: .client).closedAfterwards : nil
    )
  }

  private func connectCompleted(_ result: Result<any Channel, any Error>, _ deadline: NIODeadline) {
    do {
      let channel = try result.get()
      guard !self.machine.isClosed else {
        channel.close(promise: nil)
        return
      }
      if let tls = self.configuration.tls {
        do {
          try self.secure(channel, tls, deadline)
        } catch {
          self.securing = nil
          channel.close(promise: nil)
          throw error
        }
      } else {
        self.adopt(try channel.pipeline.syncOperations.handler(type: ClientChannelHandler.self))
      }
    } catch {
      self.connectFailed("\(error)")
    }
  }

  /// Has the TLS handshake done on a connection that stands.
  private func secure(_ channel: any Channel, _ tls: ClientTLS, _ deadline: NIODeadline) throws {
    let serverName = tls.serverName(of: self.endpoint)
    let security = try NIOSSLClientHandler(
      context: tls.credentials.contexts.context(for: tls.profile),
      serverHostname: serverName
    )
    var terms = TLSHandshakeHandler.Terms(deadline: deadline, limit: self.configuration.connectTimeout)
    terms.serverName = serverName
    if case .uri(let name) = tls.verification { terms.uriName = name }
    let handshake = TLSHandshakeHandler(side: .client, terms: terms) { identity in
      self.securing = nil
      self.server.value = Peer(address: self.endpoint.description, identity: identity)
      let handler = self.makeHandler()
      self.adopt(handler)
      return handler
    } onFailure: { reason in
      self.securing = nil
      self.connectFailed(reason)
      self.resumeCloseWaiters()
    }
    self.securing = channel
    try channel.pipeline.syncOperations.addHandlers(security, handshake)
  }

  /// Waits for the SETTINGS of a connection that stands.
  private func adopt(_ handler: ClientChannelHandler) {
    self.live[ObjectIdentifier(handler)] = handler
    self.connecting = handler
    handler.reportIfReady()
  }

  private func connectFailed(_ reason: String) {
    self.handle(
      self.machine.connectFailed("\(self.endpoint): \(reason)", now: .now(), jitter: .random(in: -1...1))
    )
  }

  func connectionReady(_ handler: ClientChannelHandler) {
    guard handler === self.connecting else { return }
    self.connecting = nil
    self.machine.connected(now: .now())
    self.current = handler
    self.serveWaiting()
  }

  func connectionHasRoom(_ handler: ClientChannelHandler) {
    self.serveWaiting()
  }

  func connectionGoingAway(_ handler: ClientChannelHandler, reason: String) {
    guard handler === self.current else { return }
    self.current = nil
    self.handle(
      self.machine.goingAway("\(self.endpoint): \(reason)", now: .now(), jitter: .random(in: -1...1))
    )
  }

  func connectionClosed(_ handler: ClientChannelHandler, reason: String) {
    self.live[ObjectIdentifier(handler)] = nil
    let reason = "\(self.endpoint): \(reason)"
    if handler === self.current {
      self.current = nil
      self.handle(self.machine.connectionLost(reason, now: .now(), jitter: .random(in: -1...1)))
    } else if handler === self.connecting {
      self.connecting = nil
      self.handle(self.machine.connectFailed(reason, now: .now(), jitter: .random(in: -1...1)))
    }
    self.resumeCloseWaiters()
  }

  private func handle(_ action: ChannelMachine.OnFailure) {
    switch action {
    case .doNothing:
      break
    case .connect:
      self.connect()
    case .backOff(until: let instant, failing: let error):
      self.failWaiting(error, onlyFailFast: true)
      let timer = DeadlineTimer(on: self.eventLoop) { [weak self] in
        guard let self, self.machine.backoffElapsed(now: .now()) else { return }
        self.connect()
      }
      self.backoffTimer = timer
      timer.update(instant)
    }
  }

  // MARK: - Closing

  /// Takes no new calls; closes each connection when its calls have ended.
  func close(_ waiter: CheckedContinuation<Void, Never>?) {
    if let waiter {
      self.closeWaiters.append(waiter)
    }
    if !self.machine.isClosed {
      self.machine.close()
      self.backoffTimer?.stop()
      self.failWaiting(.clientClosed, onlyFailFast: false)
      self.current = nil
      for handler in self.live.values {
        handler.beginShutdown()
      }
      self.securing?.close(promise: nil)
      self.boundClose()
    }
    self.resumeCloseWaiters()
  }

  /// Ends the calls that are still open when the time for a graceful close is over.
  private func boundClose() {
    let timer = DeadlineTimer(on: self.eventLoop) { [weak self] in
      guard let self else { return }
      for call in self.calls.values {
        self.drop(call, .clientClosed)
      }
    }
    self.closeTimer = timer
    timer.update(.now().advanced(by: self.configuration.gracefulShutdownTimeout))
  }

  private func resumeCloseWaiters() {
    guard self.live.isEmpty, self.securing == nil, self.machine.isClosed else { return }
    self.deadlineTimer?.stop()
    self.closeTimer?.stop()
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
