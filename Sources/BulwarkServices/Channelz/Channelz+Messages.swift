import BulwarkCore
import BulwarkProtobuf

// What the registry knows, as the messages of channelz.proto.

extension Server {
  init(_ server: ChannelzServer, in registry: ChannelzRegistry) {
    let calls = server.callTotals
    self.init()
    self.ref = .with { $0.serverId = server.id }
    self.data = .with {
      $0.trace = ChannelTrace(server.trace, in: registry)
      $0.callsStarted = calls.started
      $0.callsSucceeded = calls.succeeded
      $0.callsFailed = calls.failed
      $0.lastCallStartedTimestamp = registry.timestamp(calls.lastStarted)
    }
    self.listenSocket = server.listeners.sockets.map { SocketRef($0) }
  }
}

extension Channel {
  init(_ channel: ChannelzChannel, in registry: ChannelzRegistry) {
    self.init()
    self.ref = .with { $0.channelId = channel.id }
    self.data = ChannelData(
      channel.connectivity,
      target: channel.target,
      channel.callTotals,
      channel.trace,
      in: registry
    )
    self.subchannelRef = channel.subchannels.map { subchannel in .with { $0.subchannelId = subchannel.id } }
  }
}

extension Subchannel {
  init(_ subchannel: ChannelzSubchannel, in registry: ChannelzRegistry) {
    self.init()
    self.ref = .with { $0.subchannelId = subchannel.id }
    self.data = ChannelData(
      subchannel.connectivity,
      target: subchannel.target,
      subchannel.callTotals,
      subchannel.trace,
      in: registry
    )
    self.socketRef = subchannel.connections.sockets.map { SocketRef($0) }
  }
}

extension ChannelData {
  fileprivate init(
    _ connectivity: ConnectivityState,
    target: String,
    _ calls: CallTotals,
    _ trace: ChannelzTrace,
    in registry: ChannelzRegistry
  ) {
    self.init()
    self.state = .with { $0.state = ChannelConnectivityState.State(connectivity) }
    self.target = target
    self.trace = ChannelTrace(trace, in: registry)
    self.callsStarted = calls.started
    self.callsSucceeded = calls.succeeded
    self.callsFailed = calls.failed
    self.lastCallStartedTimestamp = registry.timestamp(calls.lastStarted)
  }
}

extension ChannelConnectivityState.State {
  fileprivate init(_ state: ConnectivityState) {
    switch state {
    case .idle: self = .idle
    case .connecting: self = .connecting
    case .ready: self = .ready
    case .transientFailure: self = .transientFailure
    case .shutdown: self = .shutdown
    }
  }
}

extension ChannelTrace {
  fileprivate init(_ trace: ChannelzTrace, in registry: ChannelzRegistry) {
    self.init()
    self.numEventsLogged = trace.eventsLogged
    self.creationTimestamp = registry.timestamp(trace.creation)
    self.events = trace.events.map { event in
      .with {
        $0.description = event.description
        $0.severity = event.severity == .warning ? .ctWarning : .ctInfo
        $0.timestamp = registry.timestamp(event.instant)
        $0.childRef = event.subchannel.map { id in .subchannelRef(.with { $0.subchannelId = id }) }
      }
    }
  }
}

extension ChannelzRegistry {
  /// Nil for what has not been.
  func timestamp(_ instant: MonotonicInstant?) -> ProtobufTimestamp? {
    guard let instant else { return nil }
    let time = self.wallTime(of: instant).components
    return .with {
      $0.seconds = time.seconds
      $0.nanos = Int32(truncatingIfNeeded: time.attoseconds / 1_000_000_000)
    }
  }
}
