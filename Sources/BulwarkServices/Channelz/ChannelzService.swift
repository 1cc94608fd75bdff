public import BulwarkCore
import BulwarkProtobuf

/// `grpc.channelz.v1.Channelz`: shows what a process has open, and what it has counted (gRFC A14).
///
///     let channelz = ChannelzRegistry()
///     configuration.channelz = channelz
///     let server = Server(listening: .unix(path: "/run/node/admin.sock"), configuration: configuration) {
///       ChannelzService(channelz)
///     }
///
/// Whoever may call it learns the addresses of all peers: offer it where only operators come, or behind a gate. Lists come
/// in pages of at most ``maximumPage`` entries. An identifier that is unknown, or whose owner is closed, is NOT_FOUND.
public struct ChannelzService: RPCService {
  /// How many entries a page has at most, and where the client does not say: 100, as in gRPC C++.
  public static let maximumPage = 100

  private let registry: ChannelzRegistry

  /// Creates a service that shows what is in the registry. Several servers may show the same.
  public init(_ registry: ChannelzRegistry) {
    self.registry = registry
  }

  public func register(in registry: inout ServiceRegistry) {
    ChannelzHandlers(registry: self.registry).register(in: &registry)
  }
}

private struct ChannelzHandlers: Channelz {
  let registry: ChannelzRegistry

  func getTopChannels(_ request: GetTopChannelsRequest, context: CallContext) async throws
    -> GetTopChannelsResponse
  {
    let page = self.registry.channels(from: request.startChannelId, limit: try limit(request.maxResults))
    return .with {
      $0.channel = page.entities.map { Channel($0, in: self.registry) }
      $0.end = page.isEnd
    }
  }

  func getServers(_ request: GetServersRequest, context: CallContext) async throws -> GetServersResponse {
    let page = self.registry.servers(from: request.startServerId, limit: try limit(request.maxResults))
    return .with {
      $0.server = page.entities.map { Server($0, in: self.registry) }
      $0.end = page.isEnd
    }
  }

  func getServer(_ request: GetServerRequest, context: CallContext) async throws -> GetServerResponse {
    let server = try found(self.registry.server(request.serverId), "server", request.serverId)
    return .with { $0.server = Server(server, in: self.registry) }
  }

  func getServerSockets(_ request: GetServerSocketsRequest, context: CallContext) async throws
    -> GetServerSocketsResponse
  {
    let server = try found(self.registry.server(request.serverId), "server", request.serverId)
    let page = server.connections.page(from: request.startSocketId, limit: try limit(request.maxResults))
    return .with {
      $0.socketRef = page.entities.map { SocketRef($0) }
      $0.end = page.isEnd
    }
  }

  func getChannel(_ request: GetChannelRequest, context: CallContext) async throws -> GetChannelResponse {
    let channel = try found(self.registry.channel(request.channelId), "channel", request.channelId)
    return .with { $0.channel = Channel(channel, in: self.registry) }
  }

  func getSubchannel(_ request: GetSubchannelRequest, context: CallContext) async throws
    -> GetSubchannelResponse
  {
    let id = request.subchannelId
    let subchannel = try found(self.registry.subchannel(id), "subchannel", id)
    return .with { $0.subchannel = Subchannel(subchannel, in: self.registry) }
  }

  func getSocket(_ request: GetSocketRequest, context: CallContext) async throws -> GetSocketResponse {
    let socket = try found(self.registry.socket(request.socketId), "socket", request.socketId)
    let details = request.summary ? nil : await socket.details
    return .with { $0.socket = Socket(socket, details, in: self.registry) }
  }
}

private func found<Entity>(_ entity: Entity?, _ kind: String, _ id: Int64) throws(RPCError) -> Entity {
  guard let entity else { throw RPCError(code: .notFound, message: "there is no \(kind) \(id)") }
  return entity
}

/// How many entries a page is to have.
private func limit(_ maxResults: Int64) throws(RPCError) -> Int {
  guard maxResults >= 0 else {
    throw RPCError(code: .invalidArgument, message: "max_results is \(maxResults), and must not be negative")
  }
  guard maxResults > 0 else { return ChannelzService.maximumPage }
  return Int(min(maxResults, Int64(ChannelzService.maximumPage)))
}
