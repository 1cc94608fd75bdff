import BulwarkCore
import BulwarkWire
import Logging
import NIOCore
import NIOEmbedded
import NIOSSL
import Testing

@testable import BulwarkTransport

@Suite struct TLSFlushTests {
  @Test func allThatOneReadBringsIsAnsweredWithOneWriteAndOneFlush() throws {
    let link = try TLSLink()
    for number in 0..<20 {
      try link.startCall("call \(number)")
    }
    link.serverSocket.reset()
    try link.deliverToServer()
    #expect(link.serverSocket.writes == 1)
    #expect(link.serverSocket.flushes == 1)
    try link.deliverToClient()
    #expect(link.answers == 20)
    try link.close()
  }

  /// Or the client would wait until all are handled, and the server then for all that the client makes of the answers.
  @Test func manyCallsOfOneReadAreAnsweredInParts() throws {
    let link = try TLSLink()
    for number in 0..<70 {
      try link.startCall("call \(number)")
    }
    link.serverSocket.reset()
    try link.deliverToServer()
    #expect(link.serverSocket.writes == 3)
    #expect(link.serverSocket.flushes == 3)
    try link.deliverToClient()
    #expect(link.answers == 70)
    try link.close()
  }
}

/// A server and a client over TLS, in memory.
private final class TLSLink {
  let serverSocket = CountingSocket()
  private(set) var answers = 0
  private let server: EmbeddedChannel
  private let clientChannel: EmbeddedChannel
  private let client = ClientConnection(authority: "node.test", userAgent: "t", isSecure: true, now: .now())

  init() throws {
    let authority = try TestAuthority()
    let certificate = try authority.issue(dns: ["node.test"])
    let serverTLS = ServerTLS(try certificate.credentials(trusting: authority))
    let clientTLS = ClientTLS(try authority.trust())
    var registry = ServiceRegistry()
    ByteService().register(in: &registry)
    let methods = MethodTable(registry)
    let loop = EmbeddedEventLoop()
    let handshake = TLSHandshakeHandler(
      side: .server,
      terms: .init(deadline: .distantFuture, limit: .seconds(1))
    ) { identity in
      ServerChannelHandler(
        connection: ServerConnection(
          methods: methods,
          peer: Peer(address: "client", identity: identity),
          isSecure: true,
          time: .system,
          now: .now()
        ),
        on: ServerLoop(loop),
        logger: Logger(label: "test")
      )
    } onFailure: { reason in
      Issue.record("\(reason)")
    }
    let serverContext = try serverTLS.credentials.contexts.context(for: serverTLS.profile)
    self.server = EmbeddedChannel(
      handlers: [self.serverSocket, NIOSSLServerHandler(context: serverContext), handshake],
      loop: loop
    )
    let clientContext = try clientTLS.credentials.contexts.context(for: clientTLS.profile)
    self.clientChannel = EmbeddedChannel(
      handler: try NIOSSLClientHandler(context: clientContext, serverHostname: "node.test")
    )
    let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
    try self.server.connect(to: address).wait()
    try self.clientChannel.connect(to: address).wait()
    // Flights of the handshake, then the SETTINGS of both.
    for _ in 0..<4 {
      try self.deliverToServer()
      try self.deliverToClient()
    }
  }

  func startCall(_ text: String) throws {
    let request = ClientRequest(method: ByteService.unary.descriptor)
    let stream = try self.client.start(request, onlyMessage: ByteBuffer(string: text), now: .now())
    #expect(stream != nil)
  }

  /// All that the client has to say, in one read of the server.
  func deliverToServer() throws {
    var plain = ByteBuffer()
    while self.client.takeOutbound(into: &plain, limit: 1 << 20) {}
    // Not `writeOutbound`, which would wait for the end of the handshake.
    if plain.readableBytes > 0 { self.clientChannel.writeAndFlush(plain, promise: nil) }
    try Self.move(from: self.clientChannel, to: self.server)
  }

  func deliverToClient() throws {
    try Self.move(from: self.server, to: self.clientChannel)
    while let plain = try self.clientChannel.readInbound(as: ByteBuffer.self) {
      self.client.receive(plain, now: .now())
    }
    while let output = self.client.nextOutput() {
      if case .unaryAnswered = output { self.answers += 1 }
    }
  }

  /// Closes both ends, which each wait for the other's last word.
  func close() throws {
    self.server.close(promise: nil)
    try self.deliverToClient()
    try self.deliverToServer()
    #expect(!self.server.isActive && !self.clientChannel.isActive)
  }

  private static func move(from sender: EmbeddedChannel, to receiver: EmbeddedChannel) throws {
    var all = ByteBuffer()
    while var bytes = try sender.readOutbound(as: ByteBuffer.self) {
      all.writeBuffer(&bytes)
    }
    if all.readableBytes > 0 { try receiver.writeInbound(all) }
  }
}

/// Counts what reaches the socket.
private final class CountingSocket: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private(set) var writes = 0
  private(set) var flushes = 0

  func reset() {
    (self.writes, self.flushes) = (0, 0)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    self.writes += 1
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    self.flushes += 1
    context.flush()
  }
}
