public import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
public import Logging
public import NIOCore
public import NIOPosix
import NIOSSL
public import ServiceLifecycle

/// A gRPC server: services behind a listening socket.
///
///     let server = Server(listening: .tcp(host: "127.0.0.1", port: 50051)) {
///       Validator()
///     }
///     try await server.run()
///
/// `run` serves until the server is stopped: by `beginGracefulShutdown`, by the service group that runs it, or by
/// cancelling its task. Safe to use from any task. A server runs once.
public final class Server: Service, Sendable {
  private let endpoint: Endpoint
  private let configuration: ServerConfiguration
  private let group: any EventLoopGroup
  private let logger: Logger
  private let registry: ServiceRegistry
  private let methods: MethodTable
  private let policies: (any CallProtection)?
  private let connections = ServerConnections()
  let loops = ServerLoops()
  private let address = Promise<Endpoint>()
  private let stop = StopSignal()
  private let hasRun = Flag()

  /// Creates a server; nothing is bound before `run`.
  ///
  /// - Parameters:
  ///   - endpoint: where to listen.
  ///   - configuration: bounds and time limits.
  ///   - eventLoopGroup: the loops that connections are spread over; a connection stays on one.
  ///   - logger: where faults of connections are logged, at debug level.
  ///   - policies: what protects the methods: its gate stands behind the other gates, and what it has around handlers
  ///     inside the other interceptors.
  ///   - gates: what decides, in this order, whether a call may begin.
  ///   - interceptors: what stands around the handlers, the first outermost.
  ///   - services: what to serve.
  public init(
    listening endpoint: Endpoint,
    configuration: ServerConfiguration = ServerConfiguration(),
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    logger: Logger = Logger(label: "bulwark.server"),
    policies: (any CallProtection)? = nil,
    gates: [any AdmissionGate] = [],
    interceptors: [any Interceptor] = [],
    @ServiceBuilder services: () -> [any RPCService]
  ) {
    self.endpoint = endpoint
    self.configuration = configuration
    self.group = eventLoopGroup
    self.logger = logger
    var registry = ServiceRegistry()
    for service in services() {
      service.register(in: &registry)
    }
    registry.protect(
      gates: gates + (policies.map { [$0.gate] } ?? []),
      interceptors: interceptors + (policies.map { [$0.serverInterceptor] } ?? [])
    )
    self.registry = registry
    self.methods = MethodTable(registry)
    self.policies = policies
  }

  /// Where the server listens, with the port it was given; suspends until `run` has bound the socket.
  ///
  /// - Throws: the error of the bind if that failed.
  public var listeningEndpoint: Endpoint {
    get async throws { try await self.address.value() }
  }

  /// How many connections are open.
  public var connectionCount: Int { self.connections.count }

  /// Stops the server: no new connections and calls; calls in flight may finish within
  /// ``ServerConfiguration/gracefulShutdownTimeout``. Returns at once; `run` returns when all is over.
  public func beginGracefulShutdown() {
    self.stop.send(.gracefully)
  }

  /// Binds and serves until the server is stopped.
  ///
  /// - Throws: what is wrong with the configuration, a ``ProtectionFinding`` that is fatal, or why the socket could not be
  ///   bound.
  public func run() async throws {
    guard self.hasRun.set() else {
      throw RPCError(
        code: .failedPrecondition,
        message: "the server has been run already; a server runs once"
      )
    }
    let channelz = self.configuration.channelz?.addServer()
    defer { channelz?.close() }
    let listener: any Channel
    do {
      try self.configuration.http2.validate()
      try self.checkPolicies()
      // Made here for the first time: a server that could serve nobody is not to listen, and no loop to wait for files.
      _ = try self.tlsContext()
      listener = try await self.bind(channelz)
    } catch {
      self.address.complete(.failure(error))
      throw error
    }
    channelz?.addListener(on: ChannelzAddress(listener.localAddress))
    // An accept socket that dies must not leave a server that looks alive.
    listener.closeFuture.whenComplete { _ in self.stop.send(.gracefully) }
    self.address.complete(.success(listener.localAddress.map(Endpoint.init) ?? self.endpoint))
    let mode = await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        await self.stop.wait()
      } onGracefulShutdown: {
        self.beginGracefulShutdown()
      }
    } onCancel: {
      self.stop.send(.now)
    }
    self.registry.beginDrain()
    try? await listener.close()
    let eventLoop = listener.eventLoop
    await withTaskCancellationHandler {
      await self.drain(mode, on: eventLoop)
    } onCancel: {
      self.connections.abortCalls()
      eventLoop.scheduleTask(in: TimeAmount(self.configuration.abortTimeout)) {
        self.connections.closeAll()
      }
    }
  }

  /// Logs what the policies' check finds, and refuses to run with what is fatal.
  private func checkPolicies() throws(ProtectionFinding) {
    let methods = self.methods.entries.map(\.descriptor)
    let limit = Int(self.configuration.http2.maxConcurrentStreams)
    for finding in self.policies?.findings(for: methods, streamLimit: limit) ?? [] {
      if finding.isFatal { throw finding }
      self.logger.warning("\(finding)")
    }
  }

  /// How many connections are accepted in one turn of the event loop. NIO's default is four: a loop that 5,000 busy
  /// connections keep for 100 ms a turn then took in 32 a second, and others waited in the kernel until it dropped them.
  private static let acceptsPerTurn: UInt = 64

  private func bind(_ channelz: ChannelzServer?) async throws -> any Channel {
    let bootstrap = ServerBootstrap(group: self.group)
      .serverChannelOption(.backlog, value: self.configuration.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.maxMessagesPerRead, value: Self.acceptsPerTurn)
      // One read, one batch of answers: a second read in the same turn would only delay the first batch.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.recvAllocator, value: ReceiveBuffer.allocator)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel, channelz) }
      }
    switch self.endpoint {
    case .tcp(let host, let port):
      return
        try await bootstrap
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childUserTimeout(self.configuration.connectionLife.userTimeout)
        .bind(host: host, port: port).get()
    case .unix(let path):
      return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }
  }

  private func accept(_ channel: any Channel, _ channelz: ChannelzServer?) throws {
    guard self.connections.count < self.configuration.maxConnections else {
      self.logger.debug(
        "connection refused: the limit is reached",
        metadata: ["limit": "\(self.configuration.maxConnections)"]
      )
      channel.close(promise: nil)
      return
    }
    let key = self.connections.insert(channel)
    let peer = Peer(channel.remoteAddress)
    let socket = channelz?.addConnection(of: channel)
    let pipeline = channel.pipeline.syncOperations
    guard let tls = self.configuration.tls, let context = try self.tlsContext() else {
      let handler = self.makeHandler(key, peer, on: channel, socket)
      try handler.shareReadBuffer(of: channel)
      try pipeline.addHandler(handler)
      return
    }
    let handshake = TLSHandshakeHandler(
      side: .server,
      terms: .init(deadline: .now() + TimeAmount(tls.handshakeTimeout), limit: tls.handshakeTimeout)
    ) { identity in
      self.makeHandler(key, Peer(address: peer.address, identity: identity), on: channel, socket)
    } onFailure: { [logger] reason in
      logger.debug("TLS handshake failed", metadata: ["reason": "\(reason)", "peer": "\(peer)"])
    }
    try pipeline.addHandlers(NIOSSLServerHandler(context: context), handshake)
  }

  private func tlsContext() throws -> NIOSSLContext? {
    try self.configuration.tls.map { try $0.credentials.contexts.context(for: $0.profile) }
  }

  /// The handler that serves the calls of a connection which is ready for them.
  private func makeHandler(
    _ key: Int,
    _ peer: Peer,
    on channel: any Channel,
    _ socket: ChannelzSocket?
  ) -> ServerChannelHandler {
    let loop = self.loops[channel.eventLoop]
    let connection = ServerConnection(
      methods: self.methods,
      peer: peer,
      isSecure: self.configuration.tls != nil,
      http2Limits: self.configuration.http2,
      limits: self.configuration.limits,
      life: self.configuration.connectionLife,
      jitter: .random(in: -1...1),
      compression: self.configuration.compression,
      memory: loop.memory,
      recurring: loop.recurring,
      buffers: loop.buffers,
      time: .system,
      now: .now()
    )
    connection.counters = socket?.counters
    socket?.inspect(connection, on: channel, self.configuration.tls?.credentials)
    let handler = ServerChannelHandler(connection: connection, on: loop, logger: self.logger)
    handler.onEnd = { [connections] in connections.remove(key) }
    self.connections.attach(handler, to: key)
    return handler
  }

  /// Lets the calls in flight finish, within the configured times, and returns when every handler has returned
  /// or the time is up.
  private func drain(_ mode: StopSignal.Mode, on eventLoop: any EventLoop) async {
    let grace = mode == .now ? .zero : self.configuration.gracefulShutdownTimeout
    self.connections.beginShutdown()
    let abort = eventLoop.scheduleTask(in: TimeAmount(grace)) {
      self.connections.abortCalls()
    }
    let giveUp = eventLoop.scheduleTask(in: TimeAmount(grace + self.configuration.abortTimeout)) {
      self.connections.closeAll()
    }
    await self.connections.waitUntilEmpty()
    abort.cancel()
    giveUp.cancel()
    self.loops.close()
  }
}

extension Peer {
  init(_ address: SocketAddress?) {
    // Not the address's `host`: that is the name it was resolved from, which an accepted peer does not have.
    let host = address?.ipAddress ?? ""
    let port = address?.port ?? 0
    switch address {
    case .v4: self.init(address: "ipv4:\(host):\(port)")
    case .v6: self.init(address: "ipv6:[\(host)]:\(port)")
    case .unixDomainSocket: self.init(address: "unix:\(address?.pathname ?? "")")
    case nil: self.init(address: "unknown")
    }
  }
}
