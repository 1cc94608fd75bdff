import Synchronization

/// What a process has open, for channelz (gRFC A14): its servers, clients, their endpoints and their sockets.
///
///     let channelz = ChannelzRegistry()
///     configuration.channelz = channelz
///     let server = Server(listening: endpoint, configuration: configuration) {
///       Validator()
///       ChannelzService(channelz)
///     }
///
/// Each server and client that was configured with it is in it while it is open, with what it has counted; what is closed
/// leaves it. Usually a process has one. Safe to use from any task.
public final class ChannelzRegistry: Sendable {
  private struct State {
    var lastID: Int64 = 0
    var servers = ChannelzTable<ChannelzServer>()
    var channels = ChannelzTable<ChannelzChannel>()
    var subchannels = ChannelzTable<ChannelzSubchannel>()
    var sockets = ChannelzTable<ChannelzSocket>()

    mutating func makeID() -> Int64 {
      self.lastID += 1
      return self.lastID
    }
  }

  /// How far two clocks that are read one after the other may seem to have moved apart.
  private static let clockTolerance: ClosedRange<Duration> = .milliseconds(-100) ... .milliseconds(100)

  /// When things happen.
  package let time: TimeSource
  private let wallClock: @Sendable () -> Duration
  /// The wall clock's time when the monotonic clock showed zero, as of when it was last found to be another.
  private let wallTimeOfStart: Mutex<Duration>
  private let state = Mutex(State())

  /// Creates a registry with nothing in it.
  public convenience init() {
    self.init(time: .system, wallClock: Duration.sinceUnixEpoch)
  }

  /// - Parameter wallClock: the time since the Unix epoch.
  package init(time: TimeSource, wallClock: @escaping @Sendable () -> Duration) {
    self.time = time
    self.wallClock = wallClock
    self.wallTimeOfStart = Mutex(wallClock() - time.now.sinceStart)
  }

  /// The wall clock's time at an instant, since the Unix epoch: the same each time it is asked for, unless the wall clock
  /// was set meanwhile; then that is believed.
  package func wallTime(of instant: MonotonicInstant) -> Duration {
    let measured = self.wallClock() - self.time.now.sinceStart
    let start = self.wallTimeOfStart.withLock { start in
      if !Self.clockTolerance.contains(measured - start) { start = measured }
      return start
    }
    return start + instant.sinceStart
  }

  // MARK: - For those who are in it

  package func addServer() -> ChannelzServer {
    self.state.withLock { state in
      let server = ChannelzServer(id: state.makeID(), self)
      state.servers.insert(server)
      return server
    }
  }

  /// - Parameter target: what the client was told to reach.
  package func addChannel(target: String) -> ChannelzChannel {
    self.state.withLock { state in
      let channel = ChannelzChannel(id: state.makeID(), target: target, self)
      state.channels.insert(channel)
      return channel
    }
  }

  func addSubchannel(target: String, of channel: ChannelzChannel) -> ChannelzSubchannel {
    self.state.withLock { state in
      let subchannel = ChannelzSubchannel(id: state.makeID(), target: target, of: channel, self)
      state.subchannels.insert(subchannel)
      return subchannel
    }
  }

  func addSocket(
    _ side: ChannelzSocket.Side,
    local: ChannelzAddress?,
    remote: ChannelzAddress?,
    _ counters: ConnectionCounters,
    to group: ChannelzSocketGroup
  ) -> ChannelzSocket {
    let socket = self.state.withLock { state in
      let socket = ChannelzSocket(
        id: state.makeID(),
        side,
        local: local,
        remote: remote,
        counters: counters,
        in: group,
        of: self
      )
      state.sockets.insert(socket)
      return socket
    }
    group.insert(socket)
    return socket
  }

  func remove(_ server: ChannelzServer) {
    self.state.withLock { _ = $0.servers.remove(server.id) }
  }

  func remove(_ channel: ChannelzChannel) {
    self.state.withLock { _ = $0.channels.remove(channel.id) }
  }

  func remove(_ subchannel: ChannelzSubchannel) {
    self.state.withLock { _ = $0.subchannels.remove(subchannel.id) }
  }

  func remove(_ socket: ChannelzSocket) {
    self.state.withLock { _ = $0.sockets.remove(socket.id) }
  }

  // MARK: - For those who look

  package func servers(from id: Int64, limit: Int) -> ChannelzPage<ChannelzServer> {
    self.state.withLock { $0.servers.page(from: id, limit: limit) }
  }

  package func channels(from id: Int64, limit: Int) -> ChannelzPage<ChannelzChannel> {
    self.state.withLock { $0.channels.page(from: id, limit: limit) }
  }

  package func server(_ id: Int64) -> ChannelzServer? { self.state.withLock { $0.servers[id] } }

  package func channel(_ id: Int64) -> ChannelzChannel? { self.state.withLock { $0.channels[id] } }

  package func subchannel(_ id: Int64) -> ChannelzSubchannel? { self.state.withLock { $0.subchannels[id] } }

  package func socket(_ id: Int64) -> ChannelzSocket? { self.state.withLock { $0.sockets[id] } }

  /// How many entities there are of all kinds.
  package var count: Int {
    self.state.withLock {
      $0.servers.entities.count + $0.channels.entities.count + $0.subchannels.entities.count
        + $0.sockets.entities.count
    }
  }
}

extension MonotonicInstant {
  /// How much time the clock shows.
  fileprivate var sinceStart: Duration { .nanoseconds(self.nanoseconds) }
}
