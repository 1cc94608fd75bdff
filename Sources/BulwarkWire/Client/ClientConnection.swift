public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

/// The client's end of one gRPC connection, without IO: bytes and instants in, outputs and bytes out.
///
/// Drive it from one thread, like `ServerConnection`. It never queues a call: when `availableCalls` is zero
/// there is no room, and the holder keeps its calls, with their deadlines, until there is.
public final class ClientConnection {
  // What a call touches is free of dynamic exclusivity checks, 8 % of its instructions. No two accesses overlap: a
  // connection is on one thread, and none of its methods calls out while it holds an access.

  let session: HTTP2ClientSession
  private let limits: WireLimits
  /// Where it counts what it does, if somebody wants to know; set before the first call.
  @exclusivity(unchecked) package var counters: ConnectionCounters?
  private let acceptedEncodings: CompressionAlgorithms
  @exclusivity(unchecked) private var headers: RequestFields
  @exclusivity(unchecked) private var streams = StreamTable<ClientStream>()
  @exclusivity(unchecked) private var outputs = OutputQueue<ClientOutput>()
  @exclusivity(unchecked) private var timers: ConnectionTimers
  @exclusivity(unchecked) private var keepalive: KeepaliveMachine
  @exclusivity(unchecked) private var bandwidth: BandwidthMachine
  /// The time of the latest input that had one.
  @exclusivity(unchecked) private var latest: MonotonicInstant
  /// Why the calls that are open when the connection ends have failed.
  private var lossReason = "the connection was lost"
  /// The server has not answered a PING: there is nobody to send last bytes to.
  public private(set) var isPeerLost = false
  @exclusivity(unchecked) private var isReady = false
  /// No stream can be opened any more, because identifiers have run out or the session is ending.
  @exclusivity(unchecked) private var isUsedUp = false

  /// Creates the connection and queues its preface and SETTINGS.
  ///
  /// - Parameters:
  ///   - authority: the `:authority` of every request.
  ///   - userAgent: the `user-agent` of every request.
  ///   - isSecure: whether the connection is over TLS; then the `:scheme` of every request is `https`.
  ///   - acceptedEncodings: what responses may be compressed with.
  ///   - memory: what HTTP/2 allocates from; malloc if there is none.
  public init(
    authority: String,
    userAgent: String,
    isSecure: Bool = false,
    http2Limits: HTTP2Limits = HTTP2Limits(),
    limits: WireLimits = WireLimits(),
    keepalive: ClientKeepalive = ClientKeepalive(),
    accepting acceptedEncodings: CompressionAlgorithms = CompressionOptions().accepted,
    memory: HTTP2Memory? = nil,
    now: MonotonicInstant
  ) {
    self.session = HTTP2ClientSession(limits: http2Limits, memory: memory, now: now.nanoseconds)
    self.limits = limits
    self.acceptedEncodings = acceptedEncodings
    self.headers = RequestFields(
      scheme: isSecure ? "https" : "http",
      authority: authority,
      userAgent: userAgent,
      accepted: acceptedEncodings
    )
    self.timers = ConnectionTimers(limits: limits, now: now)
    self.latest = now
    self.bandwidth = BandwidthMachine(
      window: http2Limits.streamWindow,
      limit: limits.maxGrownWindow,
      now: now
    )
    self.keepalive = KeepaliveMachine(
      time: keepalive.time,
      timeout: keepalive.timeout,
      pingsWithoutCalls: keepalive.pingsWithoutCalls,
      now: now
    )
  }

  // MARK: - Bytes

  /// Bytes have come from the peer.
  public func receive(_ bytes: ByteBuffer, now: MonotonicInstant) {
    self.latest = now
    self.keepalive.received(now: now)
    self.session.receive(bytes, now: now.nanoseconds)
    self.drainEvents(bytes)
    self.timers.received(
      hasSettings: self.session.hasReceivedSettings,
      insideHeaderBlock: self.session.isReceivingHeaderBlock,
      now: now
    )
  }

  /// Appends what is to be sent, up to about `limit` bytes; true if more is waiting.
  public func takeOutbound(into buffer: inout ByteBuffer, limit: Int) -> Bool {
    self.session.takeOutbound(into: &buffer, limit: limit)
  }

  /// What has happened, oldest first. There can be outputs after every call, `takeOutbound` included.
  public func nextOutput() -> ClientOutput? {
    if self.outputs.isEmpty {
      // What is sent ends streams and makes room for writers, with no word from the peer.
      self.drainEvents(ByteBuffer())
    }
    return self.outputs.popFirst()
  }

  /// Whether the connection has nothing to read or write any more: close it when the bytes taken are sent.
  public var isFinished: Bool { self.session.isFinished }

  /// When `deadlineReached` is due next; nil if nothing waits for time.
  public var nextDeadline: MonotonicInstant? { .earliest(self.timers.next, self.keepalive.next) }

  /// Time has passed: a peer that does not even send its SETTINGS, or does not answer a PING, is given up.
  ///
  /// - Returns: why the connection was given up, if it was.
  @discardableResult
  public func deadlineReached(now: MonotonicInstant) -> String? {
    switch self.timers.fired(now: now) {
    case .handshakeTimedOut:
      self.session.terminate(code: .settingsTimeout, debug: "no SETTINGS in time")
      return "the server did not speak HTTP/2 in time"
    case .headerBlockTimedOut:
      self.session.terminate(code: .enhanceYourCalm, debug: "a header block took too long")
      return "the server began a header block and did not end it in time"
    case .none, .sweep:
      return self.runKeepalive(self.keepalive.fired(hasCalls: !self.streams.isEmpty, now: now))
    }
  }

  private func runKeepalive(_ action: KeepaliveMachine.OnTimer) -> String? {
    switch action {
    case .doNothing:
      return nil
    case .ping(let payload):
      self.session.ping(payload)
      self.counters?.keepaliveSent()
      return nil
    case .giveUp:
      self.isPeerLost = true
      self.lossReason = "keepalive watchdog timeout"
      self.session.close()
      return self.lossReason
    }
  }

  /// The connection is gone: every call on it fails with UNAVAILABLE. Idempotent.
  public func connectionClosed() {
    self.session.close()
    self.drainEvents(ByteBuffer())
  }

  // MARK: - Calls

  /// How many calls can be started now.
  public var availableCalls: Int {
    guard self.isReady, !self.isUsedUp, !self.session.isGoingAway else { return 0 }
    return max(0, self.session.peerMaxConcurrentStreams - self.session.openStreams)
  }

  /// How many calls are open.
  public var openCalls: Int { self.streams.count }

  /// Starts a call: sends its headers and, if it has one, its only message with the end of the requests.
  ///
  /// - Parameter isCompressed: whether the message was compressed, as the request says.
  /// - Returns: the call's stream; nil if the connection cannot take a call after all.
  /// - Throws: ``RPCError`` if the call cannot be sent on any connection (illegal metadata, message too large).
  public func start(
    _ request: ClientRequest,
    onlyMessage: ByteBuffer?,
    isCompressed: Bool = false,
    now: MonotonicInstant
  ) throws(RPCError) -> HTTP2StreamID? {
    let fields = try self.headers.fields(for: request, limit: self.limits.maxMetadataBytes, now: now)
    var prefix: HTTP2Prefix?
    if let onlyMessage {
      prefix = try MessagePrefix.make(
        length: onlyMessage.readableBytes,
        isCompressed: isCompressed,
        limit: self.limits.maxSendMessageBytes
      )
    }
    guard let stream = self.session.sendRequest(fields, endStream: false) else {
      self.isUsedUp = true
      self.outputs.append(.goingAway(reason: "the connection takes no more streams"))
      return nil
    }
    self.streams[stream] = ClientStream(
      ClientStreamMachine(
        isUnary: request.method.kind == .unary,
        maxMessageBytes: request.maxResponseBytes
      )
    )
    self.counters?.streamStarted(at: now)
    if self.keepalive.isDormant {
      _ = self.runKeepalive(self.keepalive.callStarted(now: now))
    }
    if let onlyMessage {
      if self.session.sendData(stream, prefix: prefix, onlyMessage) { self.counters?.messageSent() }
      self.finishRequests(stream)
    }
    return stream
  }

  /// Sends a message of a streaming call.
  ///
  /// - Parameter isCompressed: whether the message was compressed, as the request says.
  /// - Throws: ``RPCError`` if the message is larger than may be sent; the call goes on.
  public func sendMessage(
    _ stream: HTTP2StreamID,
    _ message: ByteBuffer,
    isCompressed: Bool = false
  ) throws(RPCError) {
    let prefix = try MessagePrefix.make(
      length: message.readableBytes,
      isCompressed: isCompressed,
      limit: self.limits.maxSendMessageBytes
    )
    if self.session.sendData(stream, prefix: prefix, message) { self.counters?.messageSent() }
  }

  /// Ends the sending half of a streaming call.
  public func finishRequests(_ stream: HTTP2StreamID) {
    self.streams[stream]?.hasFinishedRequests = true
    _ = self.session.finish(stream, trailers: nil)
  }

  /// Ends a call for the caller's own reasons: resets its stream, and reports nothing of it any more.
  public func cancel(_ stream: HTTP2StreamID) {
    guard self.streams[stream]?.machine.end() == true else { return }
    self.session.reset(stream, .cancel, isGlitch: false)
  }

  /// The caller has taken this many bytes of a call's responses: the peer may send as many more.
  public func consumed(_ stream: HTTP2StreamID, bytes: Int) {
    self.session.consume(stream, bytes)
  }

  /// Whether so much of the requests waits for the peer that their writer should.
  public func isBackedUp(_ stream: HTTP2StreamID) -> Bool {
    self.session.isBackedUp(stream)
  }

  /// Takes no new calls and closes when the open ones have ended.
  public func beginShutdown() {
    self.session.goAway(code: .noError, debug: "client is closing")
  }

  // MARK: - Events

  private func drainEvents(_ bytes: ByteBuffer) {
    while let event = self.session.nextEvent() {
      switch event {
      case .settings:
        self.outputs.append(self.isReady ? .capacityChanged : .ready)
        self.isReady = true
      case .headers(_, _, kind: .informational, _):
        break
      case .headers(let stream, let fields, let kind, let endStream):
        self.receivedHeaders(stream, fields, kind, endStream: endStream)
      case .data(let stream, let range, let endStream):
        self.receivedData(stream, bytes, range, endStream: endStream)
      case .streamWritable(let stream):
        self.outputs.append(.requestWritable(stream))
      case .streamClosed(let stream, let code, let closer):
        self.streamClosed(stream, code, closer)
      case .goAway(_, let code, let debug):
        let reason = debug.isEmpty ? "\(code)" : "\(code): \(debug)"
        if code != .noError { self.lossReason = "the server has ended the connection (\(reason))" }
        if code == .enhanceYourCalm && debug == "too_many_pings" { self.outputs.append(.tooManyPings) }
        self.outputs.append(.goingAway(reason: reason))
      case .pingAcknowledged(let payload):
        if case .grow(to: let bytes) = self.bandwidth.pingAcknowledged(payload, now: self.latest) {
          self.session.growWindows(to: bytes)
        }
      case .requestRejected, .pingReceived:
        break
      }
    }
  }

  private func receivedHeaders(
    _ stream: HTTP2StreamID,
    _ fields: Range<Int>,
    _ kind: HTTP2HeadersKind,
    endStream: Bool
  ) {
    guard let state = self.streams[stream] else { return }
    let bytes = self.session.fieldBytes
    let headers = ResponseHeaders(
      fields.lazy.map { self.session.field($0) },
      in: bytes,
      accepting: self.acceptedEncodings
    )
    if endStream {
      self.ended(stream, state, state.machine.receivedTrailers(headers))
      return
    }
    switch state.machine.receivedHeaders(headers) {
    case .keep:
      break
    case .metadata(let metadata, let encoding):
      self.outputs.append(.responseMetadata(stream, metadata, encoding: encoding))
    case .fail(let error):
      self.fail(stream, error)
    }
  }

  private func receivedData(
    _ stream: HTTP2StreamID,
    _ bytes: ByteBuffer,
    _ range: Range<Int>,
    endStream: Bool
  ) {
    let state = self.streams[stream]
    if !range.isEmpty {
      if !self.bandwidth.isDone,
        case .ping(let payload) = self.bandwidth.received(range.count, now: self.latest)
      {
        self.session.ping(payload)
      }
      let chunk = bytes.slice(range)
      switch state?.machine.received(chunk) ?? .keep {
      case .keep:
        self.session.consume(stream, range.count)
      case .forward:
        self.outputs.append(.responseBytes(stream, chunk))
      case .fail(let error):
        self.session.consume(stream, range.count)
        self.fail(stream, error)
      }
    }
    if endStream {
      self.ended(stream, state, state?.machine.receivedEnd() ?? .ignore)
    }
  }

  private func ended(
    _ stream: HTTP2StreamID,
    _ state: ClientStream?,
    _ action: consuming ClientStreamMachine.OnEnd
  ) {
    if state?.hasFinishedRequests == false || self.session.queuedBytes(stream) > 0 {
      // The server has answered without waiting for the rest of the requests; nobody wants it now, and without
      // a reset the stream would stay open.
      self.session.reset(stream, .cancel, isGlitch: false)
    }
    if let counters = self.counters { state?.note(action, in: counters) }
    switch consume action {
    case .ignore:
      break
    case .unary(let response):
      if response.compression == .identity {
        self.outputs.append(.unaryAnswered(stream, response))
      } else {
        self.decompress(response, of: stream)
      }
    case .stream(let trailing):
      self.outputs.append(.streamFinished(stream, trailing: trailing))
    case .fail(let error):
      self.outputs.append(.failed(stream, ClientFailure(error: error, isUnprocessed: false)))
    }
  }

  private func decompress(_ response: Response<ByteBuffer>, of stream: HTTP2StreamID) {
    let limit = self.streams[stream]?.machine.maxMessageBytes ?? self.limits.maxReceiveMessageBytes
    var response = response
    do throws(RPCError) {
      response.message = try response.compression.decompressed(response.message, limit: limit)
      self.outputs.append(.unaryAnswered(stream, response))
    } catch {
      self.outputs.append(.failed(stream, ClientFailure(error: error, isUnprocessed: false)))
    }
  }

  private func fail(_ stream: HTTP2StreamID, _ error: RPCError) {
    self.outputs.append(.failed(stream, ClientFailure(error: error, isUnprocessed: false)))
    self.session.reset(stream, .cancel, isGlitch: false)
  }

  private func streamClosed(_ stream: HTTP2StreamID, _ code: HTTP2ErrorCode, _ closer: HTTP2Closer) {
    let closed = self.streams.removeValue(forKey: stream)
    if let closed { self.counters?.streamEnded(isWhole: closed.hasReceivedEnd, isOK: closed.isOK) }
    if closed?.machine.end() == true {
      let failure: ClientFailure
      switch closer {
      case .connection:
        failure = ClientFailure(
          error: RPCError(code: .unavailable, message: self.lossReason, origin: .transport),
          isUnprocessed: code == .refusedStream
        )
      case .peer, .local:
        failure = ClientFailure(
          error: RPCError(
            code: StatusMapping.code(reset: code),
            message: "the stream was reset (\(code))",
            origin: .transport
          ),
          isUnprocessed: code == .refusedStream
        )
      }
      self.outputs.append(.failed(stream, failure))
    }
    self.outputs.append(.capacityChanged)
  }
}

/// What a client connection keeps of one call: looked up once per input, then used by reference.
private final class ClientStream {
  // Free of dynamic exclusivity checks for the reason given at `ClientConnection`.
  @exclusivity(unchecked) var machine: ClientStreamMachine
  @exclusivity(unchecked) var hasFinishedRequests = false
  /// Whether the server has ended its half, and with OK. Known only where it is counted.
  private(set) var hasReceivedEnd = false
  private(set) var isOK = false

  init(_ machine: ClientStreamMachine) {
    self.machine = machine
  }

  /// The server has ended its half, which means this.
  func note(_ action: ClientStreamMachine.OnEnd, in counters: ConnectionCounters) {
    self.hasReceivedEnd = true
    switch action {
    case .unary:
      self.isOK = true
      counters.messageReceived()
    case .stream:
      self.isOK = true
    case .ignore, .fail:
      break
    }
  }
}
