public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

/// The server's end of one gRPC connection, without IO: bytes and instants in, outputs and bytes out.
///
/// Drive it from one thread. After any input take `nextOutput()` until it is nil, then `takeOutbound`, and
/// schedule `deadlineReached` for `nextDeadline`. It reads no clock, starts no task and calls nobody.
public final class ServerConnection {
  /// Elsewhere, since most connections have none.
  private indirect enum Rejection {
    case of(RPCError, HTTP2FieldList)
  }

  // What a call touches is free of dynamic exclusivity checks, 6 % of its instructions. No two accesses overlap: a
  // connection is on one thread, and none of its methods calls out while it holds an access.

  let session: HTTP2ServerSession
  let methods: MethodTable
  let limits: WireLimits
  let compression: CompressionOptions
  /// How responses are compressed.
  package let responseCompression: ResponseCompression
  private let peer: Peer
  private let recurring: RecurringRequest
  private let buffers: MessageBuffers
  private let time: TimeSource
  /// Where it counts what it does, if somebody wants to know; set before the first byte.
  @exclusivity(unchecked) package var counters: ConnectionCounters?

  @exclusivity(unchecked) var streams = StreamTable<ServerStream>()
  @exclusivity(unchecked) var outputs = OutputQueue<ServerOutput>()
  @exclusivity(unchecked) var timers: ConnectionTimers
  /// No stream's `wakeAt` is earlier. It may be that of a call that has ended.
  @exclusivity(unchecked) var earliestWake = MonotonicInstant.distantFuture
  @exclusivity(unchecked) var shutdown = ShutdownMachine()
  @exclusivity(unchecked) var life: ServerLife
  @exclusivity(unchecked) private var bandwidth: BandwidthMachine
  /// What calls hold whose handlers have outlived their streams.
  @exclusivity(unchecked) var orphanedPermits = StreamTable<HeldPermits>()
  /// Those of earlier calls, to be used again.
  @exclusivity(unchecked) var sparePermits: [HeldPermits] = []
  /// How the last rejected call was answered: in a flood of rejections the next one is answered alike.
  @exclusivity(unchecked) private var lastRejection: Rejection?
  /// The gated calls that came with this read, and whose requests may not be whole yet.
  @exclusivity(unchecked) var collectingCalls: [ServerStream] = []
  /// How many bytes of unfinished requests are kept.
  @exclusivity(unchecked) package private(set) var collectingBytes = 0
  /// The time of the latest input that had one.
  @exclusivity(unchecked) private var latest: MonotonicInstant
  /// Calls that hold a place: their request is being collected, or their handler has not returned.
  @exclusivity(unchecked) private(set) var heldCalls = 0

  /// Creates the connection and queues its SETTINGS.
  ///
  /// - Parameters:
  ///   - isSecure: whether the connection is over TLS; then a request for an `http` resource is rejected.
  ///   - jitter: a random number from -1 to 1, for the maximum age.
  ///   - compression: what responses are compressed with, and what requests may be.
  ///   - memory: what HTTP/2 allocates from; malloc if there is none.
  ///   - recurring: what the last call's headers were, on this or another connection of the same methods.
  ///   - buffers: what large unary requests are put together in, on this or another connection.
  ///   - time: what the contexts of its calls read for "time remaining"; the connection itself does not.
  public init(
    methods: MethodTable,
    peer: Peer,
    isSecure: Bool = false,
    http2Limits: HTTP2Limits = HTTP2Limits(),
    limits: WireLimits = WireLimits(),
    life: ServerConnectionLife = ServerConnectionLife(),
    jitter: Double = 0,
    compression: CompressionOptions = CompressionOptions(),
    memory: HTTP2Memory? = nil,
    recurring: RecurringRequest = RecurringRequest(),
    buffers: MessageBuffers = MessageBuffers(),
    time: TimeSource,
    now: MonotonicInstant
  ) {
    self.session = HTTP2ServerSession(
      limits: http2Limits,
      requiresHTTPS: isSecure,
      memory: memory,
      now: now.nanoseconds
    )
    self.methods = methods
    self.limits = limits
    self.compression = compression
    self.responseCompression = ResponseCompression(compression, limits)
    self.peer = peer
    self.recurring = recurring
    self.buffers = buffers
    self.time = time
    self.timers = ConnectionTimers(limits: limits, now: now)
    self.life = ServerLife(life, jitter: jitter, now: now)
    self.bandwidth = BandwidthMachine(
      window: http2Limits.streamWindow,
      limit: limits.maxGrownWindow,
      now: now
    )
    self.latest = now
  }

  // MARK: - Bytes

  /// Bytes have come from the peer.
  public func receive(_ bytes: ByteBuffer, now: MonotonicInstant) {
    self.latest = now
    self.life.keepalive.received(now: now)
    self.session.receive(bytes, now: now.nanoseconds)
    self.drainEvents(bytes, now: now)
    self.boundCollecting(now: now)
    self.timers.received(
      hasSettings: self.session.hasReceivedSettings,
      insideHeaderBlock: self.session.isReceivingHeaderBlock,
      now: now
    )
  }

  /// Appends what is to be sent, up to about `limit` bytes; true if more is waiting.
  public func takeOutbound(into buffer: inout ByteBuffer, limit: Int) -> Bool {
    if self.session.takeOutbound(into: &buffer, limit: limit) { return true }
    guard case .ping(let payload) = self.shutdown.sent() else { return false }
    self.session.ping(payload)
    return true
  }

  /// What is to be done, oldest first. There can be outputs after every call, `takeOutbound` included.
  public func nextOutput() -> ServerOutput? {
    if self.outputs.isEmpty {
      // What is sent ends streams and makes room for writers, with no word from the peer.
      self.drainEvents(ByteBuffer(), now: self.latest)
    }
    return self.outputs.popFirst()
  }

  /// Whether the connection has nothing to read or write any more: close it when the bytes taken are sent.
  public var isFinished: Bool { self.session.isFinished }

  /// How many calls hold a place on this connection: being received, or with a handler that has not returned.
  public var activeCalls: Int { self.heldCalls }

  /// The connection is gone: every call that has a handler is cancelled. Idempotent.
  public func connectionClosed(now: MonotonicInstant) {
    self.session.close()
    self.drainEvents(ByteBuffer(), now: now)
  }

  // MARK: - Events

  private func drainEvents(_ bytes: ByteBuffer, now: MonotonicInstant) {
    while let event = self.session.nextEvent() {
      switch event {
      case .headers(let stream, let fields, kind: .initial, let endStream):
        self.counters?.streamStarted(at: now)
        self.receivedHeaders(stream, fields, endStream: endStream, now: now)
      case .data(let stream, let range, let endStream):
        self.receivedData(stream, bytes, range, endStream: endStream, now: now)
      case .headers(let stream, _, _, endStream: true):
        // A client sends no trailers; all that they can mean is the end of its half.
        self.receivedData(stream, ByteBuffer(), 0..<0, endStream: true, now: now)
      case .headers:
        break
      case .requestRejected(let stream, let rejection):
        self.counters?.streamStarted(at: now)
        self.answer(stream, with: rejection)
      case .streamWritable(let stream):
        self.streams[stream]?.lastProgress = now
        self.outputs.append(.responseWritable(stream))
      case .streamClosed(let stream, let code, by: _):
        self.streamClosed(stream, code)
      case .pingAcknowledged(let data):
        if case .announceLast = self.shutdown.pingAcknowledged(data) {
          self.session.goAway(code: .noError, debug: self.shutdown.reason)
        }
        if case .grow(to: let bytes) = self.bandwidth.pingAcknowledged(data, now: now) {
          self.session.growWindows(to: bytes)
        }
      case .pingReceived:
        self.pingReceived(now: now)
      case .settings, .goAway:
        break
      }
    }
  }

  private func receivedHeaders(
    _ stream: HTTP2StreamID,
    _ fields: Range<Int>,
    endStream: Bool,
    now: MonotonicInstant
  ) {
    let call: RequestedCall
    let timeout: Int64?
    if let known = self.recurring.call(of: fields, from: self.peer, in: self.session) {
      (call, timeout) = known
    } else {
      let bytes = self.session.fieldBytes
      var headers = RequestHeaders(after: self.recurring.metadata(for: self.peer))
      if let rejection = headers.read(
        fields.lazy.map { self.session.field($0) },
        in: bytes,
        accepting: self.compression.accepted
      ) {
        self.answer(stream, with: rejection)
        return
      }
      guard let entry = self.methods.entry(forPath: bytes[headers.path]) else {
        self.answer(stream, with: .unknownMethod(path: bytes[headers.path]))
        return
      }
      timeout = headers.timeout
      let timeoutField = headers.timeoutField
      let (read, hasNewMetadata) = headers.call(of: entry)
      self.recurring.remember(
        read,
        of: fields,
        from: self.peer,
        timeoutField: timeoutField,
        hasNewMetadata: hasNewMetadata,
        in: self.session
      )
      call = read
    }
    guard self.heldCalls < self.limits.maxRunningHandlers else {
      self.session.reset(stream, .refusedStream, isGlitch: true)
      return
    }
    self.accept(stream, call, timeout, endStream: endStream, now: now)
  }

  private func accept(
    _ stream: HTTP2StreamID,
    _ requested: RequestedCall,
    _ timeout: Int64?,
    endStream: Bool,
    now: MonotonicInstant
  ) {
    let entry = requested.entry
    let given = timeout.map { now.advanced(byNanoseconds: $0) }
    if let given, given <= now {
      self.answer(stream, with: .deadlineExceeded)
      return
    }
    var arriving = ArrivingCall(
      method: entry.descriptor,
      metadata: requested.metadata,
      peer: self.peer,
      arrival: now,
      deadline: given
    )
    var permits: HeldPermits?
    if !entry.gates.isEmpty {
      do throws(RPCError) {
        permits = try self.admit(&arriving, entry.gates)
      } catch {
        self.answer(stream, with: error)
        return
      }
    }
    let deadline = arriving.deadline
    // Consumed, as are the others: each part that is copied instead costs two counts of its references.
    let context = (consume arriving).admitted(time: self.time)
    context.beginCompression(accepted: requested.acceptedEncodings, responses: self.compression.algorithm)
    let state = ServerStream(
      ServerCall(
        id: stream,
        entry: entry,
        context: context,
        requestEncoding: requested.encoding,
        mustWait: permits?.hasWaits ?? false
      ),
      maxMessageBytes: self.limits.maxReceiveMessageBytes,
      now: now
    )
    state.permits = permits
    self.streams[stream] = state
    self.heldCalls += 1
    self.timers.streamOpened(now: now)
    if let deadline { self.wake(state, at: deadline) }
    if state.machine.isCollecting {
      if permits != nil { self.collectingCalls.append(state) }
    } else {
      permits?.isHandlerRunning = true
      self.outputs.append(.startStream(state.call))
    }
    if endStream {
      self.receivedData(stream, ByteBuffer(), 0..<0, endStream: true, now: now)
    }
  }

  private func receivedData(
    _ stream: HTTP2StreamID,
    _ bytes: ByteBuffer,
    _ range: Range<Int>,
    endStream: Bool,
    now: MonotonicInstant
  ) {
    if !self.bandwidth.isDone, case .ping(let payload) = self.bandwidth.received(range.count, now: now) {
      self.session.ping(payload)
    }
    guard let state = self.streams[stream] else {
      self.session.consume(stream, range.count)
      return
    }
    let chunk = bytes.slice(range)
    let before = state.machine.collectedBytes
    let action = state.machine.received(chunk, endStream: endStream, self.buffers)
    self.collectingBytes += state.machine.collectedBytes - before
    state.lastProgress = now
    switch action {
    case .forward:
      if !range.isEmpty {
        self.outputs.append(.requestBytes(stream, chunk))
      }
      if endStream {
        self.outputs.append(.requestsEnded(stream))
      }
      return
    case .keep:
      if self.collectingBytes > self.limits.maxCollectingBytes {
        self.reject(state, .collectingTooMuch(limit: self.limits.maxCollectingBytes))
      }
    case .start(let message, .identity):
      self.start(state, state.call.mayBorrowRequest ? message : message.detached())
    case .start(let message, let encoding):
      do throws(RPCError) {
        let message = try encoding.decompressed(message, limit: self.limits.maxReceiveMessageBytes)
        state.call.context.noteRequest(compression: encoding)
        self.start(state, message)
      } catch {
        self.session.chargeGlitch(now: now.nanoseconds)
        self.reject(state, error)
      }
    case .reject(let error):
      self.session.chargeGlitch(now: now.nanoseconds)
      self.reject(state, error)
    }
    // Collected bytes are bounded by the limits above, and a message larger than the window needs the credit.
    self.session.consume(stream, range.count)
  }

  private func start(_ state: ServerStream, _ message: ByteBuffer) {
    state.permits?.isHandlerRunning = true
    self.requestIsWhole(state)
    self.counters?.messageReceived()
    self.outputs.append(.startUnary(state.call, message: message))
  }

  private func streamClosed(_ stream: HTTP2StreamID, _ code: HTTP2ErrorCode) {
    let closed = self.streams.removeValue(forKey: stream)
    self.counters?.streamEnded(isWhole: code == .noError, isOK: closed?.isOK == true)
    guard let state = closed else { return }
    if self.streams.isEmpty { self.earliestWake = .distantFuture }
    self.collectingBytes -= state.machine.collectedBytes
    if state.machine.isCollecting {
      self.heldCalls -= 1
    } else if state.machine.hasHandler {
      let error = RPCError(code: .cancelled, message: "the client ended the call (\(code))", origin: .remote)
      self.cancelHandler(of: state, error)
    }
    self.releasePermits(of: state, isClean: code == .noError)
  }

  /// The call is over while its handler runs.
  func cancelHandler(of stream: ServerStream, _ error: RPCError) {
    stream.call.context.end(error)
    self.outputs.append(.cancel(stream.call.id, error))
  }

  // MARK: - Answers that need no handler

  /// Answers a request that the HTTP/2 layer has turned away: with plain HTTP where the peer cannot be a gRPC
  /// client, or a health check of another protocol would take the answer for a success.
  private func answer(_ stream: HTTP2StreamID, with rejection: HTTP2RequestRejection) {
    switch rejection {
    case .invalidScheme:
      _ = self.session.sendHeaders(stream, ResponseFields.http(status: 400), endStream: true)
    case .invalidPath:
      _ = self.session.sendHeaders(stream, ResponseFields.http(status: 404), endStream: true)
    case .headerListTooLarge(let bytes, let limit):
      self.answer(stream, with: .headersTooLarge("a header list of \(bytes) bytes", "\(limit) bytes"))
    case .tooManyFields(let count, let limit):
      self.answer(stream, with: .headersTooLarge("a header list of \(count) fields", "\(limit) fields"))
    }
  }

  /// Answers a request whose headers are not those of a call.
  private func answer(_ stream: HTTP2StreamID, with rejection: RequestHeaders.Rejection) {
    switch rejection {
    case .http(let status):
      _ = self.session.sendHeaders(stream, ResponseFields.http(status: status), endStream: true)
    case .status(let error):
      self.answer(stream, with: error)
    case .unknownEncoding(let error):
      var fields = ResponseFields.trailersOnly(error, [:], self.limits)
      fields.add(name: "grpc-accept-encoding", value: EncodingHeader.encodeList(self.compression.accepted))
      _ = self.session.sendHeaders(stream, fields, endStream: true)
    }
  }

  /// Answers a call that has no handler with an error.
  private func answer(_ stream: HTTP2StreamID, with error: RPCError) {
    if case .of(error, let fields)? = self.lastRejection {
      _ = self.session.sendHeaders(stream, fields, endStream: true)
      return
    }
    let fields = ResponseFields.trailersOnly(error, [:], self.limits)
    self.lastRejection = .of(error, fields)
    _ = self.session.sendHeaders(stream, fields, endStream: true)
  }

  /// Turns a call away that has no handler yet: its request was being collected.
  func reject(_ stream: ServerStream, _ error: RPCError) {
    self.collectingBytes -= stream.machine.collectedBytes
    _ = stream.machine.answer()
    stream.wakeAt = .distantFuture
    self.heldCalls -= 1
    stream.permits?.status = error.code
    self.answer(stream.call.id, with: error)
  }

  func releaseHeldCall(_ id: HTTP2StreamID) {
    self.heldCalls -= 1
    self.releasePermits(ofReturned: id)
  }
}

extension RPCError {
  package static let deadlineExceeded = RPCError(code: .deadlineExceeded, message: "the deadline has passed")

  package static func unknownMethod(path: ArraySlice<UInt8>) -> RPCError {
    RPCError(
      code: .unimplemented,
      message: "no method \(String(decoding: path.prefix(256), as: UTF8.self)) is served here"
    )
  }

  static func collectingTooMuch(limit: Int) -> RPCError {
    RPCError(
      code: .resourceExhausted,
      message: "the unfinished requests of this connection are larger than the limit of \(limit) bytes"
    )
  }

  static func headersTooLarge(_ what: String, _ limit: String) -> RPCError {
    RPCError(code: .resourceExhausted, message: "\(what) is larger than the limit of \(limit)")
  }
}
