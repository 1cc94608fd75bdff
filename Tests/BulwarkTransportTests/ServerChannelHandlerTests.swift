import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import Logging
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite struct ServerChannelHandlerTests {
  /// The answers to the first of many calls are written while the others wait to be started.
  @Test func aWriteThatFailsBetweenTwoPartsLeavesNoCallBehind() throws {
    let started = Mutex(0)
    let server = try EmbeddedServer(
      ByteService(unary: { message, _ in
        started.withLock { $0 += 1 }
        return message
      })
    )
    // What is left of the connection when it says that nothing is.
    var left: [Int] = []
    server.handler.onEnd = { left.append(server.handler.connection.activeCalls) }
    server.socket.isBroken = true
    try server.receive(calls: 70)
    #expect(server.socket.refusedWrites == 1)
    #expect(!server.channel.isActive)
    #expect(server.handler.handlers.isEmpty)
    #expect(left == [0])
    #expect(started.withLock { $0 } == 32, "the others had nobody to answer to any more")
  }
}

/// A server's end of a connection without TLS, in memory.
private final class EmbeddedServer {
  let socket = BreakableSocket()
  let handler: ServerChannelHandler
  let channel: EmbeddedChannel
  private let client = ClientConnection(authority: "node.test", userAgent: "t", now: .now())

  init(_ service: ByteService) throws {
    var registry = ServiceRegistry()
    service.register(in: &registry)
    let loop = EmbeddedEventLoop()
    self.handler = ServerChannelHandler(
      connection: ServerConnection(
        methods: MethodTable(registry),
        peer: Peer(address: "client"),
        time: .system,
        now: .now()
      ),
      on: ServerLoop(loop),
      logger: Logger(label: "test")
    )
    self.channel = EmbeddedChannel(handlers: [self.socket, self.handler], loop: loop)
    try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try self.receive(calls: 0)
    while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) {
      self.client.receive(bytes, now: .now())
    }
    while self.client.nextOutput() != nil {}
  }

  /// So many unary calls in one read.
  func receive(calls: Int) throws {
    for number in 0..<calls {
      let request = ClientRequest(method: ByteService.unary.descriptor)
      let stream = try self.client.start(request, onlyMessage: ByteBuffer(string: "\(number)"), now: .now())
      #expect(stream != nil)
    }
    var bytes = ByteBuffer()
    while self.client.takeOutbound(into: &bytes, limit: 1 << 20) {}
    try self.channel.writeInbound(bytes)
  }
}
