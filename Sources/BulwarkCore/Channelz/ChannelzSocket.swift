import Synchronization

/// An end of a socket, as channelz tells of it.
package enum ChannelzAddress: Hashable, Sendable {
  /// Four or sixteen bytes in network order.
  case ip([UInt8], port: Int)
  /// The path of a Unix domain socket; empty for one without a name.
  case unix(path: String)
}

/// What only a connection's event loop knows of it, asked for when somebody wants it.
package struct ChannelzSocketDetails: Hashable, Sendable {
  package struct Security: Hashable, Sendable {
    /// The version of TLS.
    package var version: String
    /// Certificates in DER; nil where there is none.
    package var localCertificate: [UInt8]?
    package var remoteCertificate: [UInt8]?

    package init(version: String, localCertificate: [UInt8]?, remoteCertificate: [UInt8]?) {
      self.version = version
      self.localCertificate = localCertificate
      self.remoteCertificate = remoteCertificate
    }
  }

  /// How many bytes this end may send on the connection, and how many the peer may.
  package var localWindow: Int
  package var remoteWindow: Int
  /// Nil for plaintext.
  package var security: Security?

  package init(localWindow: Int, remoteWindow: Int, security: Security?) {
    self.localWindow = localWindow
    self.remoteWindow = remoteWindow
    self.security = security
  }
}

/// A connection, or a socket that a server listens on, until it is closed. Safe from any thread.
package final class ChannelzSocket: ChannelzEntity {
  package enum Side: Sendable {
    case client
    case server
    case listener
  }

  package let id: Int64
  package let side: Side
  package let local: ChannelzAddress?
  /// Nil for a socket that listens.
  package let remote: ChannelzAddress?
  /// What the connection counts in.
  package let counters: ConnectionCounters

  private let registry: ChannelzRegistry
  private let group: ChannelzSocketGroup
  private let inspection = Mutex<(@Sendable () async -> ChannelzSocketDetails?)?>(nil)

  init(
    id: Int64,
    _ side: Side,
    local: ChannelzAddress?,
    remote: ChannelzAddress?,
    counters: ConnectionCounters,
    in group: ChannelzSocketGroup,
    of registry: ChannelzRegistry
  ) {
    self.id = id
    self.side = side
    self.local = local
    self.remote = remote
    self.counters = counters
    self.group = group
    self.registry = registry
  }

  /// Says how the details are learnt. Kept, and what it holds with it, until the socket is closed.
  package func inspect(_ inspection: @escaping @Sendable () async -> ChannelzSocketDetails?) {
    self.inspection.withLock { $0 = inspection }
  }

  /// The details; nil while the connection is not ready, and after its end.
  package var details: ChannelzSocketDetails? {
    get async { await self.inspection.withLock { $0 }?() }
  }

  /// The socket is closed, and nothing is counted any more. Idempotent.
  package func close() {
    self.registry.remove(self)
    self.group.remove(self)
    // Let go outside the lock: it holds the connection.
    let last = self.inspection.withLock { $0.take() }
    withExtendedLifetime(last) {}
  }
}

/// The sockets of a server or a subchannel, and the calls of those that are closed. Safe from any thread.
package final class ChannelzSocketGroup: Sendable {
  private struct State {
    var open = ChannelzTable<ChannelzSocket>()
    var closed = CallTotals()
  }

  private let state = Mutex(State())

  /// The calls of all sockets that there are and were.
  package var callTotals: CallTotals {
    // Under the lock, or the calls of a socket that closes meanwhile would be counted twice or not at all.
    self.state.withLock { state in
      state.open.entities.reduce(state.closed) { $0 + $1.counters.callTotals }
    }
  }

  package func page(from id: Int64, limit: Int) -> ChannelzPage<ChannelzSocket> {
    self.state.withLock { $0.open.page(from: id, limit: limit) }
  }

  /// Those that are open.
  package var sockets: [ChannelzSocket] { self.state.withLock { $0.open.entities } }

  func insert(_ socket: ChannelzSocket) {
    self.state.withLock { $0.open.insert(socket) }
  }

  func remove(_ socket: ChannelzSocket) {
    self.state.withLock { state in
      guard state.open.remove(socket.id) else { return }
      state.closed = state.closed + socket.counters.callTotals
    }
  }

  func closeAll() {
    for socket in self.sockets { socket.close() }
  }
}
