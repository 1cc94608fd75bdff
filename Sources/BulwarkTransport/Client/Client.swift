public import BulwarkCore
import BulwarkWire
public import NIOCore
public import NIOPosix

/// A gRPC client: one connection to one endpoint, opened by the first call and kept open.
///
///     let client = Client(to: .tcp(host: "127.0.0.1", port: 50051))
///     let consensus = ConsensusServiceClient(client)
///     let receipt = try await consensus.submitVote(request, timeout: .milliseconds(200))
///
/// Safe to use from any task. When the connection is lost it is made anew, with gRPC's backoff. Calls above the
/// server's stream limit wait in order, within their deadlines. Close it when it is no longer needed; letting it
/// go closes it too, as soon as its calls have ended.
public final class Client: CallInvoker, Sendable {
  private let core: NIOLoopBoundBox<ClientCore>
  private let eventLoop: any EventLoop
  private let server: KnownPeer
  private let limits: WireLimits
  private let compression: CompressionOptions
  private let isClosed = Flag()

  /// Runs tasks on the client's event loop. A caller that prefers it spares each call two thread switches;
  /// in return it must not compute or block:
  ///
  ///     Task(executorPreference: client.executor) { try await consensus.getStatus(request) }
  public let executor: any TaskExecutor

  /// Creates a client; it connects when the first call is made.
  ///
  /// - Parameters:
  ///   - endpoint: the server.
  ///   - configuration: bounds and time limits.
  ///   - eventLoopGroup: where one loop is taken from, for everything this client does.
  public init(
    to endpoint: Endpoint,
    configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let eventLoop = eventLoopGroup.any()
    self.eventLoop = eventLoop
    self.server = KnownPeer(Peer(address: endpoint.description))
    // The first use may read the roots of the system, which is nothing for the loop. What fails here fails again there.
    _ = try? configuration.tls.map { try $0.credentials.contexts.context(for: $0.profile) }
    self.limits = configuration.limits
    self.compression = configuration.compression
    self.executor = EventLoopExecutor(eventLoop)
    let core = ClientCore(
      endpoint: endpoint,
      configuration: configuration,
      server: self.server,
      eventLoop: eventLoop
    )
    self.core = .makeBoxSendingValue(core, eventLoop: eventLoop)
  }

  deinit {
    // A client that was closed has nothing left to do, and its loop may be gone.
    guard !self.isClosed.isSet else { return }
    let core = self.core
    self.eventLoop.execute {
      core.value.close(nil)
    }
  }

  /// The server: the endpoint that was given, and over TLS what the server of the latest connection has proved to be.
  public var peer: Peer { self.server.value }

  /// Takes no new calls, lets the open ones end, and returns when the connection is closed.
  ///
  /// Calls that wait for the connection fail with UNAVAILABLE at once. So do, after
  /// ``ClientConfiguration/gracefulShutdownTimeout``, the calls that are still open: a stream that somebody holds
  /// and does not read cannot hold up the end. Bytes that the server does not take are given another 5 seconds.
  public func close() async {
    await withCheckedContinuation { continuation in
      self.onLoop { $0.close(continuation) }
    }
    _ = self.isClosed.set()
  }

  /// The same client with interceptors around its calls, the first of a level outermost:
  ///
  ///     let consensus = ConsensusServiceClient(client.intercepted(by: [Logging(), Tracing().perAttempt()]))
  ///
  /// Closing remains this client's part.
  public func intercepted(by interceptors: [any Interceptor]) -> InterceptedInvoker {
    InterceptedInvoker(
      self,
      interceptors: interceptors,
      peer: self.peer,
      time: .system,
      compression: self.compression.algorithm
    )
  }

  /// The same client with policies around its calls:
  ///
  ///     let consensus = ConsensusServiceClient(client.protected(by: policies))
  ///
  /// Circuits, limits and bulkheads are those of this client's target: other clients of the same target share them, if
  /// they are protected by the same policies.
  ///
  /// - Parameters:
  ///   - policies: what protects the calls.
  ///   - interceptors: what else stands around them, outside.
  public func protected(by policies: any CallProtection, interceptors: [any Interceptor] = [])
    -> InterceptedInvoker
  {
    self.intercepted(by: interceptors + [policies.clientInterceptor(to: self.peer.address)])
  }

  public func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    let receiver = UnaryReceiver()
    let compression = self.compression(options)
    // First, because the call's time begins with it.
    let request = self.request(method, options, compression)
    let compressed = self.compressed(message, compression, options)
    let call = ClientCall(
      request: request,
      onlyMessage: compressed ?? message,
      isCompressed: compressed != nil,
      waitForReady: options.waitForReady,
      receiver: receiver
    )
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        receiver.continuation = continuation
        self.start(call)
      }
    } onCancel: {
      self.onLoop { $0.cancel(call) }
    }
    return try result.get()
  }

  public func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    let compression = self.compression(options)
    let request = self.request(method, options, compression)
    let compressed = onlyRequest.flatMap { self.compressed($0, compression, options) }
    let link = ClientStreamCall.Link(self, self.core, self.eventLoop)
    let stream = ClientStreamCall(
      link: link,
      maxMessageBytes: request.maxResponseBytes,
      compression: compression
    )
    let call = ClientCall(
      request: request,
      onlyMessage: compressed ?? onlyRequest,
      isCompressed: compressed != nil,
      waitForReady: options.waitForReady,
      receiver: stream
    )
    link.attach(call)
    self.start(call)
    return stream
  }

  private func compression(_ options: CallOptions) -> MessageCompression {
    MessageCompression(requests: options.compression, self.compression, self.limits)
  }

  /// The one request of a call, compressed on the caller's thread, and once for all attempts; nil if it is sent as it is.
  private func compressed(
    _ message: ByteBuffer,
    _ compression: MessageCompression,
    _ options: CallOptions
  ) -> ByteBuffer? {
    guard compression.algorithm != .identity else { return nil }
    guard let kept = options.keptCompression else { return compression.compressed(message) }
    return kept.compressed(message) { compression.compressed($0) }
  }

  private func request(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    _ compression: MessageCompression
  ) -> ClientRequest {
    let own = options.timeout.map { MonotonicInstant.now().advanced(by: $0) }
    return ClientRequest(
      method: method,
      metadata: options.metadata,
      deadline: .earliest(.earliest(own, options.deadline), CallContext.current?.deadline),
      maxResponseBytes: options.maxResponseBytes ?? self.limits.maxReceiveMessageBytes,
      compression: compression.algorithm
    )
  }

  private func start(_ call: ClientCall) {
    // The way without a closure, for callers that are on the loop already.
    guard !self.eventLoop.inEventLoop else { return self.core.value.start(call) }
    self.onLoop { $0.start(call) }
  }

  private func onLoop(_ body: @escaping @Sendable (ClientCore) -> Void) {
    if self.eventLoop.inEventLoop {
      body(self.core.value)
    } else {
      let core = self.core
      self.eventLoop.execute {
        body(core.value)
      }
    }
  }
}
