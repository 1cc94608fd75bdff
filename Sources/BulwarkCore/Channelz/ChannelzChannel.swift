import Synchronization

/// A client, until it is closed: what gRPC calls a channel. Safe from any thread.
package final class ChannelzChannel: ChannelzEntity {
  private struct State {
    var connectivity = ConnectivityState.idle
    var trace: ChannelzTrace
    var subchannels = ChannelzTable<ChannelzSubchannel>()
  }

  package let id: Int64
  package let target: String
  private let registry: ChannelzRegistry
  private let calls = CallCounters()
  private let state: Mutex<State>

  init(id: Int64, target: String, _ registry: ChannelzRegistry) {
    self.id = id
    self.target = target
    self.registry = registry
    self.state = Mutex(State(trace: ChannelzTrace(creation: registry.time.now)))
  }

  // MARK: - On the client's loop

  /// A call was made.
  package func callStarted() {
    self.calls.callStarted(at: self.registry.time.now)
  }

  package func callEnded(isOK: Bool) {
    self.calls.callEnded(isOK: isOK)
  }

  // MARK: - On any thread

  package var callTotals: CallTotals { self.calls.totals }

  package var connectivity: ConnectivityState { self.state.withLock { $0.connectivity } }

  package var trace: ChannelzTrace { self.state.withLock { $0.trace } }

  /// One for each endpoint.
  package var subchannels: [ChannelzSubchannel] { self.state.withLock { $0.subchannels.entities } }

  package func changed(to connectivity: ConnectivityState) {
    let now = self.registry.time.now
    self.state.withLock { state in
      state.connectivity = connectivity
      state.trace.note(connectivity, nil, at: now)
    }
  }

  /// The client has learnt of an endpoint.
  package func addSubchannel(target: String) -> ChannelzSubchannel {
    let subchannel = self.registry.addSubchannel(target: target, of: self)
    let now = self.registry.time.now
    self.state.withLock { state in
      state.subchannels.insert(subchannel)
      state.trace.note("subchannel to \(target) created", at: now, subchannel: subchannel.id)
    }
    return subchannel
  }

  func remove(_ subchannel: ChannelzSubchannel) {
    let now = self.registry.time.now
    self.state.withLock { state in
      guard state.subchannels.remove(subchannel.id) else { return }
      state.trace.note("subchannel to \(subchannel.target) deleted", at: now, subchannel: subchannel.id)
    }
  }

  /// The client has ended, and with it whatever was its. Idempotent.
  package func close() {
    for subchannel in self.subchannels { subchannel.close() }
    self.registry.remove(self)
  }
}

/// What a client keeps of one endpoint, until it is let go. Safe from any thread.
package final class ChannelzSubchannel: ChannelzEntity {
  private struct State {
    var connectivity = ConnectivityState.idle
    var trace: ChannelzTrace
  }

  package let id: Int64
  package let target: String
  /// The connections to the endpoint.
  package let connections = ChannelzSocketGroup()
  private let channel: ChannelzChannel
  private let registry: ChannelzRegistry
  private let state: Mutex<State>

  init(id: Int64, target: String, of channel: ChannelzChannel, _ registry: ChannelzRegistry) {
    self.id = id
    self.target = target
    self.channel = channel
    self.registry = registry
    self.state = Mutex(State(trace: ChannelzTrace(creation: registry.time.now)))
  }

  /// The calls that were sent on its connections: one that was sent twice counts as two.
  package var callTotals: CallTotals { self.connections.callTotals }

  package var connectivity: ConnectivityState { self.state.withLock { $0.connectivity } }

  package var trace: ChannelzTrace { self.state.withLock { $0.trace } }

  /// - Parameter reason: why the last attempt to connect failed, or the last connection was lost.
  package func changed(to connectivity: ConnectivityState, _ reason: RPCError?) {
    let now = self.registry.time.now
    self.state.withLock { state in
      guard state.connectivity != connectivity else { return }
      state.connectivity = connectivity
      state.trace.note(connectivity, connectivity == .transientFailure ? reason : nil, at: now)
    }
  }

  /// What a connection is to count in that may be made.
  package func makeCounters() -> ConnectionCounters {
    ConnectionCounters(time: self.registry.time)
  }

  /// A connection was made; its holder closes it.
  package func addConnection(
    local: ChannelzAddress?,
    remote: ChannelzAddress?,
    counters: ConnectionCounters
  ) -> ChannelzSocket {
    self.registry.addSocket(.client, local: local, remote: remote, counters, to: self.connections)
  }

  /// The endpoint was let go, and nothing of it is open. Idempotent.
  package func close() {
    self.connections.closeAll()
    self.registry.remove(self)
    self.channel.remove(self)
  }
}
