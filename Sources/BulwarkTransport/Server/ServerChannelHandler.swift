import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import Logging
import NIOCore

/// One connection of a server: moves bytes between a channel and a `ServerConnection`, and runs its handlers.
///
/// Everything in here happens on the channel's event loop. One read gives one write and one flush for all that it
/// produced; what handlers answer later in the same tick shares a flush too.
///
/// `@unchecked Sendable`: a reference travels with the tasks of its calls, whose only way in is `CallCompletion`;
/// that checks for the loop and hops to it where necessary, so all state is read and written on the loop alone.
final class ServerChannelHandler: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let connection: ServerConnection
  let eventLoop: any EventLoop
  private let executor: EventLoopExecutor
  private let logger: Logger
  private var flusher: OutboundFlusher
  private var timer: DeadlineTimer?
  private var context: ChannelHandlerContext?
  private var isHandlingRead = false
  private var isFlushScheduled = false
  private var wantsRead = false
  private var isClosed = false

  /// The calls whose handler has not returned.
  var handlers = StreamTable<RunningHandler>()

  /// Called once, when the connection is closed and every handler has returned.
  var onEnd: (() -> Void)?

  init(connection: ServerConnection, eventLoop: any EventLoop, logger: Logger) {
    self.connection = connection
    self.eventLoop = eventLoop
    self.executor = EventLoopExecutor(eventLoop)
    self.logger = logger
    self.flusher = OutboundFlusher()
  }

  // MARK: - Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.timer = DeadlineTimer(on: self.eventLoop) { [unowned self] in
      self.connection.deadlineReached(now: .now())
      self.runOutputs()
      self.flush()
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    self.flush()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.isHandlingRead = true
    self.connection.receive(self.unwrapInboundIn(data), now: .now())
    self.runOutputs()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.isHandlingRead = false
    self.flush()
  }

  /// A peer that does not read is not read from: its requests would only make more for it to read.
  func read(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      context.read()
    } else {
      self.wantsRead = true
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      self.flush()
      if self.wantsRead, context.channel.isWritable {
        self.wantsRead = false
        context.read()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.timer?.stop()
    self.connection.connectionClosed(now: .now())
    self.runOutputs()
    self.context = nil
    self.isClosed = true
    self.endIfOver()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.logger.debug("connection failed", metadata: ["error": "\(error)"])
    context.close(promise: nil)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.timer?.stop()
    // The timer's closure refers back to this handler; both go together.
    self.timer = nil
    self.context = nil
  }

  /// Lets go of the connection when nothing of it is left.
  func endIfOver() {
    guard self.isClosed, self.handlers.isEmpty else { return }
    self.onEnd?()
    self.onEnd = nil
  }

  // MARK: - Stopping

  func beginShutdown() {
    self.connection.beginShutdown()
    self.flush()
  }

  func abortCalls() {
    self.connection.abortCalls()
    self.runOutputs()
    self.flush()
  }

  // MARK: - Writing

  /// Sees to it that what was submitted is flushed: at the end of this read, or of this tick.
  func needsFlush() {
    guard !self.isHandlingRead, !self.isFlushScheduled else { return }
    self.isFlushScheduled = true
    self.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  private func flush() {
    guard let context = self.context else { return }
    self.flusher.flush(context) { buffer, limit in
      self.connection.takeOutbound(into: &buffer, limit: limit)
    }
    // Taking bytes can make room for a writer that waits.
    self.runOutputs()
    self.timer?.update(self.connection.nextDeadline)
    if self.connection.isFinished {
      context.close(promise: nil)
    }
  }

  // MARK: - Handlers

  private func runOutputs() {
    while let output = self.connection.nextOutput() {
      switch output {
      case .startUnary(let call, let message):
        self.startUnary(call, message, on: self.executor)
      case .startStream(let call):
        self.startStream(call, on: self.executor)
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
  }
}
