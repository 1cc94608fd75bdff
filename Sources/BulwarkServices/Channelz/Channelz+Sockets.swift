import BulwarkCore
import BulwarkProtobuf

extension SocketRef {
  init(_ socket: ChannelzSocket) {
    self.init()
    self.socketId = socket.id
  }
}

extension Socket {
  /// - Parameter details: nil where they are not wanted or not known.
  init(_ socket: ChannelzSocket, _ details: ChannelzSocketDetails?, in registry: ChannelzRegistry) {
    self.init()
    self.ref = SocketRef(socket)
    self.local = socket.local.map { Address($0) }
    self.remote = socket.remote.map { Address($0) }
    self.security = details?.security.map { Security($0) }
    self.data = SocketData(socket, details, in: registry)
  }
}

extension SocketData {
  fileprivate init(
    _ socket: ChannelzSocket,
    _ details: ChannelzSocketDetails?,
    in registry: ChannelzRegistry
  ) {
    let totals = socket.counters.totals
    let lastStream = registry.timestamp(totals.calls.lastStarted)
    self.init()
    self.streamsStarted = totals.calls.started
    self.streamsSucceeded = totals.streamsSucceeded
    self.streamsFailed = totals.streamsFailed
    self.messagesSent = totals.messagesSent
    self.messagesReceived = totals.messagesReceived
    self.keepAlivesSent = totals.keepalivesSent
    if socket.side == .client {
      self.lastLocalStreamCreatedTimestamp = lastStream
    } else {
      self.lastRemoteStreamCreatedTimestamp = lastStream
    }
    self.lastMessageSentTimestamp = registry.timestamp(totals.lastMessageSent)
    self.lastMessageReceivedTimestamp = registry.timestamp(totals.lastMessageReceived)
    if let details {
      self.localFlowControlWindow = .with { $0.value = Int64(details.localWindow) }
      self.remoteFlowControlWindow = .with { $0.value = Int64(details.remoteWindow) }
    }
  }
}

extension Address {
  fileprivate init(_ address: ChannelzAddress) {
    self.init()
    switch address {
    case .ip(let bytes, let port):
      self.address = .tcpipAddress(
        .with {
          $0.ipAddress = bytes
          $0.port = Int32(clamping: port)
        }
      )
    case .unix(let path):
      self.address = .udsAddress(.with { $0.filename = path })
    }
  }
}

extension Security {
  fileprivate init(_ security: ChannelzSocketDetails.Security) {
    self.init()
    self.model = .tls(
      .with {
        $0.cipherSuite = .otherName(security.version)
        $0.localCertificate = security.localCertificate ?? []
        $0.remoteCertificate = security.remoteCertificate ?? []
      }
    )
  }
}
