import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import NIOCore

/// What a connection tells the client that holds it, on the client's event loop.
protocol ClientConnectionOwner: AnyObject {
  func connectionReady(_ handler: ClientChannelHandler)
  func connectionHasRoom(_ handler: ClientChannelHandler)
  func connectionGoingAway(_ handler: ClientChannelHandler, reason: String)
  func connectionClosed(_ handler: ClientChannelHandler, reason: String)
  func callEnded(_ call: ClientCall, _ failure: ClientFailure?)
}

/// One connection of a client: moves bytes between a channel and a `ClientConnection`, and tells the calls.
///
/// Everything in here happens on the channel's event loop. All calls started in one tick share a flush.
final class ClientChannelHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let connection: ClientConnection
  private let eventLoop: any EventLoop
  private weak var owner: (any ClientConnectionOwner)?
  private var calls = StreamTable<ClientCall>()
  private var flusher = OutboundFlusher()
  private var timer: DeadlineTimer?
  private var context: ChannelHandlerContext?
  private var isHandlingRead = false
  private var isFlushScheduled = false
  private var wantsRead = false
  private var closeReason = "the server closed the connection"

  init(connection: ClientConnection, eventLoop: any EventLoop, owner: any ClientConnectionOwner) {
    self.connection = connection
    self.eventLoop = eventLoop
    self.owner = owner
  }

  // MARK: - Calls

  var hasRoom: Bool { self.connection.availableCalls > 0 && self.context != nil }

  /// Starts a call.
  ///
  /// - Returns: its stream, or nil if there is no room after all.
  func start(_ call: ClientCall) throws(RPCError) -> HTTP2StreamID? {
    guard
      let stream = try self.connection.start(call.request, onlyMessage: call.onlyMessage, now: .now())
    else { return nil }
    self.calls[stream] = call
    self.needsFlush()
    return stream
  }

  func cancel(_ stream: HTTP2StreamID) {
    self.calls[stream] = nil
    self.connection.cancel(stream)
    self.needsFlush()
  }

  /// Sends what waits of a call's requests; true if the peer should take some of it first.
  func send(_ stream: HTTP2StreamID, from messages: OutboundMessages) {
    let (waiting, isFinished) = messages.take()
    do throws(RPCError) {
      for message in waiting {
        try self.connection.sendMessage(stream, message)
      }
      if isFinished {
        self.connection.finishRequests(stream)
      }
      messages.setBackedUp(self.connection.isBackedUp(stream))
    } catch {
      if let call = self.calls[stream] {
        self.cancel(stream)
        self.owner?.callEnded(call, ClientFailure(error: error, isUnprocessed: false))
      }
    }
    self.needsFlush()
  }

  func consumed(_ stream: HTTP2StreamID, bytes: Int) {
    self.connection.consumed(stream, bytes: bytes)
    self.needsFlush()
  }

  /// Takes no new calls, and closes when the last one has ended.
  func beginShutdown() {
    self.connection.beginShutdown()
    self.needsFlush()
  }

  // MARK: - Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.timer = DeadlineTimer(on: self.eventLoop) { [unowned self] in
      self.connection.deadlineReached(now: .now())
      self.closeReason = "the server did not speak HTTP/2 in time"
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

  /// A peer that does not read is not read from.
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
    self.context = nil
    self.connection.connectionClosed()
    self.runOutputs()
    self.owner?.connectionClosed(self, reason: self.closeReason)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.closeReason = "\(error)"
    context.close(promise: nil)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.timer?.stop()
    // The timer's closure refers back to this handler; both go together.
    self.timer = nil
    self.context = nil
  }

  // MARK: - Writing

  private func needsFlush() {
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

  // MARK: - Outputs

  private func runOutputs() {
    var hasRoom = false
    while let output = self.connection.nextOutput() {
      switch output {
      case .ready:
        self.owner?.connectionReady(self)
      case .unaryAnswered(let stream, let response):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.owner?.callEnded(call, nil)
        call.receiver.answered(response)
      case .responseMetadata(let stream, let metadata):
        self.calls[stream]?.receiver.received(metadata: metadata)
      case .responseBytes(let stream, let bytes):
        if let call = self.calls[stream] {
          call.receiver.received(bytes: bytes)
        } else {
          self.connection.consumed(stream, bytes: bytes.readableBytes)
        }
      case .streamFinished(let stream, let trailing):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.owner?.callEnded(call, nil)
        call.receiver.finished(trailing: trailing)
      case .failed(let stream, let failure):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.owner?.callEnded(call, failure)
      case .requestWritable(let stream):
        self.calls[stream]?.receiver.writable(isBackedUp: self.connection.isBackedUp(stream))
      case .capacityChanged:
        hasRoom = true
      case .goingAway(let reason):
        self.closeReason = reason
        self.owner?.connectionGoingAway(self, reason: reason)
      }
    }
    if hasRoom {
      self.owner?.connectionHasRoom(self)
    }
  }
}
