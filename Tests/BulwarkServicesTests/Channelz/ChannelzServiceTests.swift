import BulwarkInProcess
import BulwarkProtobuf
import BulwarkTestKit
import Testing

@testable import BulwarkCore
@testable import BulwarkServices

@Suite(.timeLimit(.minutes(1))) struct ChannelzServiceTests {
  private let clock = VirtualClock()
  private let registry: ChannelzRegistry
  private let channelz: ChannelzClient

  init() {
    let registry = ChannelzRegistry(time: self.clock.timeSource) { .seconds(1_000) }
    self.registry = registry
    self.channelz = ChannelzClient(InProcessClient(to: InProcessServer { ChannelzService(registry) }))
  }

  private func addCalls(_ counters: ConnectionCounters) {
    counters.streamStarted(at: self.clock.now)
    counters.messageReceived()
    counters.messageSent()
    counters.streamEnded(isWhole: true, isOK: true)
    counters.streamStarted(at: self.clock.now)
    counters.streamEnded(isWhole: false, isOK: false)
    counters.keepaliveSent()
  }

  @Test func `Servers are listed with their counters and listeners`() async throws {
    let server = self.registry.addServer()
    server.addListener(on: .unix(path: "/run/a.sock"))
    self.addCalls(server.addConnection(local: nil, remote: nil).counters)
    let response = try await self.channelz.getServers(GetServersRequest())
    #expect(response.end)
    let listed = try #require(response.server.first)
    #expect(listed.ref?.serverId == server.id)
    #expect(listed.data?.callsStarted == 2)
    #expect(listed.data?.callsSucceeded == 1)
    #expect(listed.data?.callsFailed == 1)
    #expect(listed.data?.lastCallStartedTimestamp?.seconds == 1_000)
    #expect(listed.data?.trace?.creationTimestamp?.seconds == 1_000)
    let listener = try #require(listed.listenSocket.first)
    let socket = try await self.channelz.getSocket(.with { $0.socketId = listener.socketId }).socket
    #expect(socket?.local?.address == .udsAddress(.with { $0.filename = "/run/a.sock" }))
    #expect(socket?.remote == nil)
    let one = try await self.channelz.getServer(.with { $0.serverId = server.id })
    #expect(one.server == listed)
  }

  @Test func `A socket of a server is told with all that is known of it`() async throws {
    let server = self.registry.addServer()
    let socket = server.addConnection(
      local: .ip([127, 0, 0, 1], port: 50_051),
      remote: .ip([UInt8](repeating: 0, count: 15) + [1], port: 9)
    )
    let security = ChannelzSocketDetails.Security(
      version: "TLSv1.3",
      localCertificate: [1],
      remoteCertificate: [2]
    )
    socket.inspect { ChannelzSocketDetails(localWindow: 10, remoteWindow: 20, security: security) }
    self.addCalls(socket.counters)
    let told = try await self.channelz.getSocket(.with { $0.socketId = socket.id }).socket
    let data = try #require(told?.data)
    #expect(data.streamsStarted == 2)
    #expect(data.streamsSucceeded == 1)
    #expect(data.streamsFailed == 1)
    #expect(data.messagesSent == 1)
    #expect(data.messagesReceived == 1)
    #expect(data.keepAlivesSent == 1)
    #expect(data.lastRemoteStreamCreatedTimestamp?.seconds == 1_000)
    #expect(data.lastLocalStreamCreatedTimestamp == nil)
    #expect(data.lastMessageSentTimestamp?.seconds == 1_000)
    #expect(data.lastMessageReceivedTimestamp?.seconds == 1_000)
    #expect(data.localFlowControlWindow?.value == 10)
    #expect(data.remoteFlowControlWindow?.value == 20)
    #expect(
      told?.local?.address
        == .tcpipAddress(
          .with {
            $0.ipAddress = [127, 0, 0, 1]
            $0.port = 50_051
          }
        )
    )
    guard case .tls(let tls) = told?.security?.model else {
      throw RPCError(code: .dataLoss, message: "no TLS")
    }
    #expect(tls.cipherSuite == .otherName("TLSv1.3"))
    #expect(tls.localCertificate == [1])
    #expect(tls.remoteCertificate == [2])
  }

  @Test func `A summary asks nobody for details`() async throws {
    let socket = self.registry.addServer().addConnection(local: nil, remote: nil)
    socket.inspect {
      Issue.record("the connection was asked")
      return nil
    }
    let request = GetSocketRequest.with {
      $0.socketId = socket.id
      $0.summary = true
    }
    let told = try await self.channelz.getSocket(request).socket
    #expect(told?.data?.localFlowControlWindow == nil)
  }

  @Test func `Channels lead to their endpoints and these to their connections`() async throws {
    let channel = self.registry.addChannel(target: "dns:///node")
    channel.changed(to: .connecting)
    channel.callStarted()
    channel.callEnded(isOK: true)
    let subchannel = channel.addSubchannel(target: "127.0.0.1:1")
    subchannel.changed(to: .ready, nil)
    let socket = subchannel.addConnection(local: nil, remote: nil, counters: subchannel.makeCounters())
    self.addCalls(socket.counters)
    let top = try await self.channelz.getTopChannels(GetTopChannelsRequest())
    #expect(top.end)
    let first = try #require(top.channel.first)
    #expect(first.ref?.channelId == channel.id)
    #expect(first.data?.target == "dns:///node")
    #expect(first.data?.state?.state == .connecting)
    #expect(first.data?.callsSucceeded == 1)
    #expect(
      first.data?.trace?.events.last?.childRef == .subchannelRef(.with { $0.subchannelId = subchannel.id })
    )
    #expect(try await self.channelz.getChannel(.with { $0.channelId = channel.id }).channel == first)
    let next = try #require(first.subchannelRef.first)
    let told = try await self.channelz.getSubchannel(.with { $0.subchannelId = next.subchannelId }).subchannel
    #expect(told?.data?.state?.state == .ready)
    #expect(told?.data?.target == "127.0.0.1:1")
    #expect(told?.data?.callsStarted == 2)
    let last = try #require(told?.socketRef.first)
    let end = try await self.channelz.getSocket(.with { $0.socketId = last.socketId }).socket
    #expect(end?.data?.lastLocalStreamCreatedTimestamp?.seconds == 1_000)
    #expect(end?.data?.lastRemoteStreamCreatedTimestamp == nil)
  }

  @Test func `Lists are walked page by page`() async throws {
    let server = self.registry.addServer()
    let all = (0..<250).map { _ in server.addConnection(local: nil, remote: nil).id }
    var walked: [Int64] = []
    var pages: [Int] = []
    var isEnd = false
    while !isEnd {
      let request = GetServerSocketsRequest.with {
        $0.serverId = server.id
        $0.startSocketId = walked.last.map { $0 + 1 } ?? 0
      }
      let page = try await self.channelz.getServerSockets(request)
      walked += page.socketRef.map(\.socketId)
      pages.append(page.socketRef.count)
      isEnd = page.end
    }
    #expect(walked == all)
    #expect(pages == [100, 100, 50])
  }

  @Test func `A page is as long as the client wants it and no longer than the limit`() async throws {
    for _ in 0..<120 { _ = self.registry.addServer() }
    let three = try await self.channelz.getServers(.with { $0.maxResults = 3 })
    #expect(three.server.count == 3)
    #expect(!three.end)
    let most = try await self.channelz.getServers(.with { $0.maxResults = .max })
    #expect(most.server.count == ChannelzService.maximumPage)
    let rest = try await self.channelz.getServers(.with { $0.startServerId = 101 })
    #expect(rest.server.count == 20)
    #expect(rest.end)
  }

  @Test func `A list of nothing is its own end`() async throws {
    #expect(try await self.channelz.getServers(GetServersRequest()).end)
    #expect(try await self.channelz.getTopChannels(GetTopChannelsRequest()).end)
    let server = self.registry.addServer()
    #expect(try await self.channelz.getServerSockets(.with { $0.serverId = server.id }).end)
  }

  @Test func `A negative page is INVALID_ARGUMENT`() async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.channelz.getServers(.with { $0.maxResults = -1 })
    }
    #expect(error?.code == .invalidArgument)
  }

  @Test func `What is not there is NOT_FOUND, of whatever kind it is`() async throws {
    let id = self.registry.addServer().id
    let errors = [
      await #expect(throws: RPCError.self) { try await self.channelz.getServer(.with { $0.serverId = 99 }) },
      await #expect(throws: RPCError.self) {
        try await self.channelz.getServerSockets(.with { $0.serverId = 99 })
      },
      await #expect(throws: RPCError.self) {
        try await self.channelz.getChannel(.with { $0.channelId = id })
      },
      await #expect(throws: RPCError.self) {
        try await self.channelz.getSubchannel(.with { $0.subchannelId = id })
      },
      await #expect(throws: RPCError.self) { try await self.channelz.getSocket(.with { $0.socketId = id }) },
    ]
    #expect(errors.map { $0?.code } == [.notFound, .notFound, .notFound, .notFound, .notFound])
  }
}
