import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import Logging
import NIOCore

/// One connection of a server: moves bytes between a channel and a `ServerConnection`, and runs its handlers.
///
/// `@unchecked Sendable`: a reference travels with the tasks of its calls, whose only way in is `CallCompletion`;
/// that checks for the loop and hops to it where necessary, so all state is read and written on the loop alone.
final class ServerChannelHandler: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How many unary calls that came in one read share a write. All of them would be fewer writes, but then a client with
  /// many calls on one connection falls into step with the server: it waits while they are handled, and the server waits
  /// while it reads the answers. With parts of 32, a connection with 100 calls of 100 bytes in flight had 1.6 times as many
  /// answered.
  private static let callsPerWrite = 32

  let connection: ServerConnection
  let eventLoop: any EventLoop
  let loop: ServerLoop
  private let logger: Logger
  // What a call touches is free of dynamic exclusivity checks: it is used on the loop, and no access lasts for longer
  // than the statement that makes it.
  @exclusivity(unchecked) private var io: ConnectionIO<ServerConnection>?
  private var wantsRead = false
  /// Whether the channel reads into the loop's buffer, and has not read yet.
  private var awaitsFirstRead = false
  @exclusivity(unchecked) private var isClosed = false
  @exclusivity(unchecked) private var isRunningOutputs = false

  /// The calls whose handler has not returned.
  @exclusivity(unchecked) var handlers = StreamTable<RunningHandler>()

  /// The call whose handler is being started and has not returned. Starts do not nest: handlers are started by
  /// `runOutputs` alone, which no handler calls.
  @exclusivity(unchecked) var starting: HTTP2StreamID?

  /// The streams whose handlers have written since the last flush.
  @exclusivity(unchecked) var waitingResponses: [HTTP2StreamID] = []

  /// Called once, when the connection is closed and every handler has returned.
  var onEnd: (() -> Void)?

  init(connection: ServerConnection, on loop: ServerLoop, logger: Logger) {
    self.connection = connection
    self.eventLoop = loop.eventLoop
    self.loop = loop
    self.logger = logger
  }

  /// Whether it is, or was, in a channel: then `onEnd` is called.
  var isInUse: Bool { self.io != nil }

  /// Has the channel read into the loop's buffer: for one without TLS, before its first read.
  func shareReadBuffer(of channel: any Channel) throws {
    try self.loop.readBuffer.attach(to: channel)
    self.awaitsFirstRead = true
  }

  // MARK: - Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.io = ConnectionIO(self.connection, context, self.loop.writeBuffer) { [unowned self] in
      self.drainWaitingResponses()
    } runOutputs: { [unowned self] in
      self.runOutputs()
    } deadlineReached: { [unowned self] in
      self.connection.deadlineReached(now: .now())
    }
    if context.channel.isActive {
      self.io?.flush()
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    self.io?.flush()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.io?.beginRead()
    if self.awaitsFirstRead {
      self.awaitsFirstRead = false
      self.loop.readBuffer.didReadFirst(on: context.channel)
    }
    let bytes = self.unwrapInboundIn(data)
    self.connection.receive(bytes, now: .now())
    self.runOutputs()
    self.loop.readBuffer.giveBack(bytes)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.io?.endRead()
  }

  /// A peer that does not read is not read from: its requests would only make more for it to read.
  ///
  /// Only the server does this. If both ends did, two full directions would wait for each other for ever
  /// (RFC 9113 section 5.2.2).
  func read(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      context.read()
    } else {
      self.wantsRead = true
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      self.io?.flush()
      if self.wantsRead, context.channel.isWritable {
        self.wantsRead = false
        context.read()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.close()
    context.fireChannelInactive()
  }

  /// Without `channelInactive` before it if the channel never became active.
  func handlerRemoved(context: ChannelHandlerContext) {
    self.close()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.logger.debug("connection failed", metadata: ["error": "\(error)"])
    context.close(promise: nil)
  }

  private func close() {
    guard !self.isClosed else { return }
    self.isClosed = true
    self.io?.stop()
    self.connection.connectionClosed(now: .now())
    self.runOutputs()
  }

  /// Lets go of the connection when nothing of it is left, nor anything to be started.
  func endIfOver() {
    guard self.isClosed, self.handlers.isEmpty, !self.isRunningOutputs else { return }
    self.onEnd?()
    self.onEnd = nil
  }

  // MARK: - Stopping

  func beginShutdown() {
    self.connection.beginShutdown()
    self.io?.flush()
  }

  func abortCalls() {
    self.connection.abortCalls()
    self.runOutputs()
    self.io?.flush()
  }

  // MARK: - Handlers

  func needsFlush() {
    self.io?.needsFlush()
  }

  private func runOutputs() {
    // A write in the middle can close the channel before it returns; then it goes on here with what there is to do about it.
    guard !self.isRunningOutputs else { return }
    self.isRunningOutputs = true
    var unwrittenCalls = 0
    while let output = self.connection.nextOutput() {
      switch consume output {
      case .startUnary(let call, let message):
        if unwrittenCalls == Self.callsPerWrite {
          unwrittenCalls = 0
          self.io?.write()
        }
        unwrittenCalls += 1
        guard !self.isClosed else { self.connection.handlerReturned(call.id); continue }
        self.startUnary(call, message)
      case .startStream(let call):
        guard !self.isClosed else { self.connection.handlerReturned(call.id); continue }
        self.startStream(call)
      case .requestBytes(let stream, let bytes):
        self.handlers[stream]?.requests?.received(bytes)
      case .requestsEnded(let stream):
        self.handlers[stream]?.requests?.receivedEnd(nil)
      case .responseWritable(let stream):
        self.handlers[stream]?.responses?.setBackedUp(self.connection.isBackedUp(stream))
      case .cancel(let stream, let error):
        self.handlers[stream]?.cancel(error)
      }
    }
    self.isRunningOutputs = false
    self.endIfOver()
  }
}
