public import BulwarkBalancing
public import BulwarkCore
import BulwarkWire
public import NIOCore
public import NIOPosix

/// A gRPC client: a channel to a server, or to the servers of a service, connected by the first call and kept connected.
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
  private let watch: ConnectivityWatch
  private let limits: WireLimits
  private let authority: String
  /// Whether nobody else reads what it sends.
  private let isPrivate: Bool
  private let compression: CompressionOptions
  private let isClosed = Flag()

  /// Runs tasks on the client's event loop. A caller that prefers it spares each call two thread switches;
  /// in return it must not compute or block:
  ///
  ///     Task(executorPreference: client.executor) { try await consensus.getStatus(request) }
  public let executor: any TaskExecutor

  /// Creates a client of one endpoint; it connects when the first call is made.
  ///
  /// - Parameters:
  ///   - endpoint: the server; a host name is looked up at each attempt to connect.
  ///   - configuration: bounds and time limits.
  ///   - eventLoopGroup: where one loop is taken from, for everything this client does.
  public convenience init(
    to endpoint: Endpoint,
    configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init(to: [endpoint], configuration: configuration, eventLoopGroup: eventLoopGroup)
  }

  /// Creates a client of several endpoints; it connects when the first call is made.
  ///
  /// - Parameters:
  ///   - endpoints: the servers, those that are preferred first. With none, every call fails with UNAVAILABLE.
  ///   - configuration: bounds, time limits, and how calls are spread over the endpoints.
  ///   - eventLoopGroup: where one loop is taken from, for everything this client does.
  public convenience init(
    to endpoints: [Endpoint],
    configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init(
      to: endpoints.map(\.description).joined(separator: ","),
      resolver: FixedEndpoints(endpoints: endpoints),
      configuration,
      on: eventLoopGroup.any()
    )
  }

  /// Creates a client of a service whose endpoints a resolver finds; it asks when the first call is made.
  ///
  /// - Parameters:
  ///   - resolver: finds the endpoints.
  ///   - configuration: bounds, time limits, and how calls are spread over the endpoints.
  ///   - eventLoopGroup: where one loop is taken from, for everything this client does.
  public convenience init(
    to resolver: any EndpointResolver,
    configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init(to: resolver.authority, resolver: resolver, configuration, on: eventLoopGroup.any())
  }

  /// Creates a client of a target; addresses are looked for when the first call is made.
  ///
  ///     let client = Client(to: try ChannelTarget("dns:///validators.example:443"))
  ///
  /// - Parameters:
  ///   - target: what the client is to reach.
  ///   - configuration: bounds, time limits, and how calls are spread over the endpoints.
  ///   - eventLoopGroup: where one loop is taken from, for everything this client does.
  public convenience init(
    to target: ChannelTarget,
    configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let eventLoop = eventLoopGroup.any()
    let resolver: any EndpointResolver =
      switch target.source {
      case .dns(let host, let port):
        DNSResolver(host: host, port: Int(port), authority: target.authority, eventLoop: eventLoop)
      case .addresses(let addresses):
        FixedEndpoints(endpoints: addresses.map { .tcp(host: $0.host, port: Int($0.port)) })
      case .unixSocket(let path):
        FixedEndpoints(endpoints: [.unix(path: path)])
      }
    self.init(to: target.description, resolver: resolver, configuration, on: eventLoop)
  }

  private init(
    to target: String,
    resolver: any EndpointResolver,
    _ configuration: ClientConfiguration,
    on eventLoop: any EventLoop
  ) {
    self.eventLoop = eventLoop
    self.server = KnownPeer(Peer(address: target))
    let channelz = configuration.channelz?.addChannel(target: target)
    self.watch = ConnectivityWatch(channelz)
    // The first use may read the roots of the system, which is nothing for the loop. What fails here fails again there.
    _ = try? configuration.tls.map { try $0.credentials.contexts.context(for: $0.profile) }
    self.limits = configuration.limits
    self.authority = configuration.authority ?? resolver.authority
    self.isPrivate = configuration.tls != nil || (resolver as? FixedEndpoints)?.areUnixSockets == true
    self.compression = configuration.compression
    self.executor = EventLoopExecutor(eventLoop)
    let endpoints = EndpointSet(
      resolver: resolver,
      configuration: configuration,
      server: self.server,
      watch: self.watch,
      channelz: channelz,
      on: eventLoop
    )
    let core = ClientCore(
      endpoints: endpoints,
      configuration: configuration,
      channelz: channelz,
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

  /// The server: the target that was given, and over TLS what the server of the latest connection has proved to be.
  public var peer: Peer { self.server.value }

  /// How connected the client is.
  public var connectivity: ConnectivityState { self.watch.state }

  /// How connected the client is, now and after each change, until it is closed. Of many changes that nobody has read,
  /// the latest 16 are kept.
  public var connectivityUpdates: AsyncStream<ConnectivityState> { self.watch.updates() }

  /// Connects without waiting for the first call, or when the client has gone idle. Returns at once.
  public func connect() {
    self.onLoop { $0.connect() }
  }

  /// Forgets how often it failed to connect: endpoints that wait for their next attempt have it now, and the resolver
  /// is asked again. For whoever knows that the network is back.
  public func resetBackoff() {
    self.onLoop { $0.resetBackoff() }
  }

  /// Asks the resolver again, now. For resolvers that learn of changes by themselves.
  public func refreshEndpoints() {
    self.onLoop { $0.refreshEndpoints() }
  }

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

  /// What adds call credentials to this client's calls, for ``intercepted(by:)``.
  ///
  /// Over TLS, or where every endpoint is a Unix socket, the way is private; elsewhere the credentials say whether they may
  /// be sent.
  public func authentication(by credentials: CallCredentials) -> any Interceptor {
    credentials.interceptor(authority: self.authority, isPrivate: self.isPrivate)
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
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        receiver.continuation = continuation
        self.start(call)
      }
    } onCancel: {
      self.onLoop { $0.cancel(call) }
    }
    return try receiver.takeResult()
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
