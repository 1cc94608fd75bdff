import NIOCore
import NIOPosix

@testable import BulwarkTransport

/// A TCP proxy on loopback that breaks what goes through it.
///
///     let proxy = try await ChaosProxy(to: serverEndpoint)
///     proxy.begin(.halfOpen(afterBytes: 1_000))   // on every connection, new ones included
///     proxy.heal()                                // connections that are broken and do not know it are reset
///
/// Safe to use from any task.
final class ChaosProxy: Sendable {
  private let listener: any Channel
  private let state: NIOLoopBoundBox<State>

  /// Both sockets of each connection, on the proxy's loop.
  private final class State {
    var fault: ChaosFault?
    var connections: [ObjectIdentifier: ChaosConnection] = [:]
    var emptyWaiters: [EventLoopPromise<Void>] = []

    func join(_ client: any Channel, _ server: any Channel) throws {
      let connection = ChaosConnection(client: client, server: server, fault: self.fault)
      self.connections[ObjectIdentifier(connection)] = connection
      try connection.start()
      connection.closeFuture.assumeIsolated().whenComplete { _ in
        self.connections[ObjectIdentifier(connection)] = nil
        self.tellWaiters()
      }
    }

    func tellWaiters() {
      guard self.connections.isEmpty else { return }
      for waiter in self.emptyWaiters { waiter.succeed() }
      self.emptyWaiters = []
    }
  }

  init(to target: Endpoint) async throws {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let state = NIOLoopBoundBox.makeBoxSendingValue(State(), eventLoop: eventLoop)
    self.state = state
    self.listener = try await ServerBootstrap(group: eventLoop)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelInitializer { client in
        // The client's socket is read when the server's stands, and closed if it does not.
        Self.dial(target, on: eventLoop).flatMapThrowing { try state.value.join(client, $0) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  private static func dial(_ target: Endpoint, on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
    // Nothing is read before there is somebody to pass it to.
    let bootstrap = ClientBootstrap(group: eventLoop).channelOption(.autoRead, value: false)
    return switch target {
    case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
    case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
    }
  }

  /// Where clients connect to.
  var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: self.listener.localAddress?.port ?? 0) }

  /// How many connections have an open socket on either side.
  var connectionCount: Int {
    get async throws { try await self.onLoop { $0.connections.count } }
  }

  /// Does this to every connection from now on.
  func begin(_ fault: ChaosFault) async throws {
    try await self.apply(fault)
  }

  /// Passes everything on again, what was held back first. A connection that has lost bytes is reset.
  func heal() async throws {
    try await self.apply(nil)
  }

  private func apply(_ fault: ChaosFault?) async throws {
    try await self.onLoop { state in
      state.fault = fault
      for connection in state.connections.values { connection.apply(fault) }
    }
  }

  /// Takes no more connections, resets those that stand, and returns when the last socket is closed.
  func close() async throws {
    try await self.listener.close()
    let isEmpty = self.listener.eventLoop.makePromise(of: Void.self)
    try await self.onLoop { state in
      state.emptyWaiters.append(isEmpty)
      for connection in state.connections.values { connection.reset() }
      state.tellWaiters()
    }
    try await isEmpty.futureResult.get()
  }

  private func onLoop<Result: Sendable>(_ body: @escaping @Sendable (State) -> Result) async throws -> Result
  {
    let state = self.state
    return try await self.listener.eventLoop.submit { body(state.value) }.get()
  }
}
