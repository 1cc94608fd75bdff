import BulwarkCore
import BulwarkTestKit
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

@testable import BulwarkTransport

/// A client that sends single frames over a real socket and answers none.
struct RawClient {
  private let channel: any Channel

  /// - Parameter seen: called with each frame of the server.
  init(to endpoint: Endpoint, seen: @escaping @Sendable (RawFrame) -> Void = { _ in }) async throws {
    guard case .tcp(let host, let port) = endpoint else { throw ChannelError.unknownLocalAddress }
    self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Reader(seen: seen))
        }
      }
      .connect(host: host, port: port).get()
    self.channel.writeAndFlush(ByteBuffer(bytes: RawFrame.clientPreface), promise: nil)
  }

  func send(_ frames: RawFrame...) {
    self.channel.writeAndFlush(ByteBuffer(bytes: frames.flatMap(\.bytes)), promise: nil)
  }

  func close() async throws {
    try await self.channel.close()
  }

  /// Returns when the server has closed the connection.
  func closedByServer() async throws {
    try await self.channel.closeFuture.get()
  }

  private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let seen: @Sendable (RawFrame) -> Void
    private var parser = RawFrameParser()

    init(seen: @escaping @Sendable (RawFrame) -> Void) {
      self.seen = seen
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      for frame in self.parser.append(self.unwrapInboundIn(data).readableBytesView) {
        self.seen(frame)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

extension RawFrame {
  /// What a server answers to one frame of a client: PINGs are acknowledged, unary requests echoed.
  static func answers(to frame: RawFrame) -> [RawFrame] {
    switch frame.kind {
    case .ping where frame.flags.isEmpty:
      [RawFrame(.ping, flags: .acknowledgement, payload: frame.payload)]
    case .data:
      [
        .headers(
          frame.stream,
          HeaderBlock.literals([(":status", "200"), ("content-type", "application/grpc")])
        ),
        .data(frame.stream, frame.payload),
        .headers(
          frame.stream,
          HeaderBlock.literals([("grpc-status", "0")]),
          flags: [.endHeaders, .endStream]
        ),
      ]
    default:
      []
    }
  }
}

/// A server on a real socket that greets each client with SETTINGS and then answers frame by frame as it is told.
final class RawServer: Sendable {
  typealias Answer = @Sendable (_ frame: RawFrame, _ connection: Int) -> [RawFrame]

  private let listener: any Channel
  private let connectionCount: ConnectionCount

  /// How many connections were accepted, and when.
  private final class ConnectionCount: Sendable {
    private let value = Mutex<[MonotonicInstant]>([])
    var current: [MonotonicInstant] { self.value.withLock { $0 } }
    func next() -> Int {
      self.value.withLock {
        $0.append(.now())
        return $0.count
      }
    }
  }

  /// - Parameters:
  ///   - certificate: what it shows over TLS; nil for plaintext.
  ///   - answer: what to send when a frame of a connection has come; connections count from 1.
  init(securedBy certificate: TestCertificate? = nil, answer: @escaping Answer) async throws {
    let count = ConnectionCount()
    self.connectionCount = count
    let security = try certificate.map { try $0.serverContext { $0.applicationProtocols = ["h2"] } }
    self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let security {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security))
          }
          try channel.pipeline.syncOperations.addHandler(Handler(connection: count.next(), answer: answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: self.listener.localAddress?.port ?? 0) }

  var connections: Int { self.connectionCount.current.count }

  /// When each connection was accepted, before a byte was sent on it.
  var acceptances: [MonotonicInstant] { self.connectionCount.current }

  func close() async throws {
    try await self.listener.close()
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: Int
    private let answer: Answer
    private var parser = RawFrameParser(skippingPreface: true)

    init(connection: Int, answer: @escaping Answer) {
      self.connection = connection
      self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
      self.send([.settings()], context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      for frame in self.parser.append(self.unwrapInboundIn(data).readableBytesView) {
        self.send(self.answer(frame, self.connection), context)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }

    private func send(_ frames: [RawFrame], _ context: ChannelHandlerContext) {
      context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: frames.flatMap(\.bytes))), promise: nil)
    }
  }
}

/// A server that accepts and says nothing.
struct SilentServer {
  private let listener: any Channel
  private let first = Promise<any Channel>()

  init() async throws {
    let first = self.first
    self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        first.complete(.success(channel))
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: self.listener.localAddress?.port ?? 0) }

  /// The end of the first connection, as soon as that is accepted.
  func firstConnection() async throws -> EventLoopFuture<Void> {
    try await self.first.value().closeFuture
  }

  func close() async throws {
    try await self.listener.close()
  }
}

/// A client that connects and says nothing.
struct SilentClient {
  private let channel: any Channel

  init(to endpoint: Endpoint) async throws {
    guard case .tcp(let host, let port) = endpoint else { throw ChannelError.unknownLocalAddress }
    self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: host, port: port).get()
  }

  /// Returns when the server has closed the connection.
  func closedByServer() async throws {
    try await self.channel.closeFuture.get()
  }
}
