/// A server, while it runs. Safe from any thread.
package final class ChannelzServer: ChannelzEntity {
  package let id: Int64
  package let trace: ChannelzTrace
  /// The sockets that it listens on.
  package let listeners = ChannelzSocketGroup()
  /// Its connections.
  package let connections = ChannelzSocketGroup()
  private let registry: ChannelzRegistry

  init(id: Int64, _ registry: ChannelzRegistry) {
    self.id = id
    self.trace = ChannelzTrace(creation: registry.time.now)
    self.registry = registry
  }

  /// The calls that came on its connections.
  package var callTotals: CallTotals { self.connections.callTotals }

  /// It listens on a socket.
  package func addListener(on local: ChannelzAddress?) {
    _ = self.registry.addSocket(
      .listener,
      local: local,
      remote: nil,
      ConnectionCounters(time: self.registry.time),
      to: self.listeners
    )
  }

  /// It has accepted a connection; its holder closes it.
  package func addConnection(local: ChannelzAddress?, remote: ChannelzAddress?) -> ChannelzSocket {
    self.registry.addSocket(
      .server,
      local: local,
      remote: remote,
      ConnectionCounters(time: self.registry.time),
      to: self.connections
    )
  }

  /// The server has ended, and with it whatever was its. Idempotent.
  package func close() {
    self.listeners.closeAll()
    self.connections.closeAll()
    self.registry.remove(self)
  }
}
