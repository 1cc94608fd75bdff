import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import NIOEmbedded
import Testing

@testable import BulwarkTransport

@Suite struct ClientChannelHandlerTests {
  private let owner = Owner()
  private let socket = BreakableSocket()
  private let handler: ClientChannelHandler
  private let channel: EmbeddedChannel

  init() throws {
    self.handler = ClientChannelHandler(
      connection: ClientConnection(authority: "test", userAgent: "test", now: .now()),
      owner: self.owner,
      writeBuffer: WriteBuffer()
    )
    self.channel = EmbeddedChannel(handlers: [self.socket, self.handler])
    try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try self.channel.writeInbound(ByteBuffer(bytes: RawFrame.settings().bytes))
  }

  private func startCall() throws {
    let call = ClientCall(
      request: ClientRequest(method: ByteService.unary.descriptor),
      onlyMessage: .hold,
      waitForReady: false,
      receiver: UnaryReceiver()
    )
    let stream = try #require(try self.handler.start(call))
    call.state = .open(self.handler, stream)
    self.handler.flushStarted()
  }

  @Test func theSettingsOfTheServerMakeTheConnectionReady() {
    #expect(self.owner.isReady)
    #expect(self.handler.hasRoom)
  }

  @Test func callsOfOneTickAreSentTogether() throws {
    while try self.channel.readOutbound(as: ByteBuffer.self) != nil {}
    try self.startCall()
    try self.startCall()
    #expect(try self.channel.readOutbound(as: ByteBuffer.self) == nil)
    self.channel.embeddedEventLoop.run()
    #expect(try self.channel.readOutbound(as: ByteBuffer.self) != nil)
    #expect(try self.channel.readOutbound(as: ByteBuffer.self) == nil)
  }

  /// Otherwise the call that was being started would be taken for an open one for ever.
  @Test func aWriteThatFailsEndsEveryCallAfterItsOwnerKnowsTheStream() throws {
    self.socket.isBroken = true
    var started = 0
    while self.owner.endedCalls.isEmpty, started < 100 {
      try self.startCall()
      started += 1
    }
    #expect(started < 100)
    #expect(self.owner.endedCalls.count == started)
    #expect(self.owner.endedCalls.allSatisfy { $0 })
    #expect(self.owner.isClosed)
    #expect(!self.handler.hasRoom)
  }
}

/// Notes what it is told.
private final class Owner: ClientConnectionOwner {
  var isReady = false
  var isClosed = false
  /// For each call that ended, whether its stream was known by then.
  var endedCalls: [Bool] = []

  func connectionReady(_ handler: ClientChannelHandler) { self.isReady = true }
  func connectionHasRoom(_ handler: ClientChannelHandler) {}
  func connectionGoingAway(_ handler: ClientChannelHandler, reason: String) {}
  func connectionClosed(_ handler: ClientChannelHandler, reason: String) { self.isClosed = true }

  func callEnded(_ call: ClientCall, _ failure: ClientFailure?) {
    if case .open = call.state {
      self.endedCalls.append(true)
    } else {
      self.endedCalls.append(false)
    }
  }
}
