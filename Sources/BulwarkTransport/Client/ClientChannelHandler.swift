import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import DequeModule
import NIOCore
import NIOSSL

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
/// Everything in here happens on the channel's event loop. Calls started in one tick share flushes.
final class ClientChannelHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How many calls of one tick share a flush. All of them would be fewer writes, but then many callers on one
  /// connection fall into step with the server: it waits while they send, and they wait while it answers. With
  /// two parts of 16, 32 callers keep both ends busy.
  private static let callsPerFlush = 16

  /// Called when the server has complained about this connection's PINGs.
  var onTooManyPings: () -> Void = {}

  // What a call touches is free of dynamic exclusivity checks: it is used on the loop, and no access lasts for longer
  // than the statement that makes it.

  let connection: ClientConnection
  /// Until the connection is closed.
  @exclusivity(unchecked) private var owner: (any ClientConnectionOwner)?
  /// Whether the server has ended a call with its status.
  @exclusivity(unchecked) private(set) var hasAnswered = false
  @exclusivity(unchecked) private var calls = StreamTable<ClientCall>()
  /// The streams that were written to since the last flush.
  @exclusivity(unchecked) private var waitingRequests: [(HTTP2StreamID, OutboundMessages)] = []
  @exclusivity(unchecked) private var io: ConnectionIO<ClientConnection>?
  private var isClosed = false
  @exclusivity(unchecked) private var isRunningOutputs = false
  @exclusivity(unchecked) private var unflushedCalls = 0
  private var isReady = false
  private var closeReason: String

  private let writeBuffer: WriteBuffer

  private static let closedByServer = "the server closed the connection"

  /// - Parameters:
  ///   - writeBuffer: that of all connections of the client, which are on one event loop.
  ///   - earlyCloseReason: what it means if the server closes the connection before it is ready.
  init(
    connection: ClientConnection,
    owner: any ClientConnectionOwner,
    writeBuffer: WriteBuffer,
    earlyCloseReason: String? = nil
  ) {
    self.connection = connection
    self.owner = owner
    self.writeBuffer = writeBuffer
    self.closeReason = earlyCloseReason ?? Self.closedByServer
  }

  // MARK: - Calls

  /// Tells the owner that the connection is ready, if it was before the owner knew of it.
  func reportIfReady() {
    if self.isClosed {
      self.owner?.connectionClosed(self, reason: self.closeReason)
    } else if self.isReady {
      self.owner?.connectionReady(self)
    }
  }

  var hasRoom: Bool { self.connection.availableCalls > 0 && self.io?.isOpen == true }

  /// Starts a call; `flushStarted` sends it.
  ///
  /// - Returns: its stream, or nil if there is no room after all.
  func start(_ call: ClientCall) throws(RPCError) -> HTTP2StreamID? {
    let started = try self.connection.start(
      call.request,
      onlyMessage: call.onlyMessage,
      isCompressed: call.isCompressed,
      now: .now()
    )
    guard let stream = started else { return nil }
    self.calls[stream] = call
    return stream
  }

  /// Sends the calls that were started, now or at the end of the tick.
  ///
  /// Apart from `start`, because a write that fails ends calls before it returns: by then the owner must know
  /// the stream of each.
  func flushStarted() {
    self.unflushedCalls += 1
    if self.unflushedCalls < Self.callsPerFlush || self.isRunningOutputs {
      self.io?.needsFlush()
    } else {
      self.unflushedCalls = 0
      self.io?.flush()
    }
  }

  func cancel(_ stream: HTTP2StreamID) {
    self.calls[stream] = nil
    self.connection.cancel(stream)
    self.io?.needsFlush()
  }

  /// Sends what waits of a call's requests.
  func send(_ stream: HTTP2StreamID, from messages: OutboundMessages, _ time: DrainTime) {
    switch time {
    case .now: self.send(stream, from: messages)
    case .beforeFlush: self.waitingRequests.append((stream, messages))
    }
    self.io?.needsFlush()
  }

  private func sendWaitingRequests() {
    // What fails ends its call, and whoever hears of that may write to another.
    var index = 0
    while index < self.waitingRequests.count {
      let (stream, messages) = self.waitingRequests[index]
      index += 1
      // A call that has left this connection meanwhile has its messages taken on another.
      if self.calls[stream] != nil { self.send(stream, from: messages) }
    }
    self.waitingRequests.removeAll(keepingCapacity: true)
  }

  private func send(_ stream: HTTP2StreamID, from messages: OutboundMessages) {
    let (waiting, isFinished) = messages.take()
    do throws(RPCError) {
      for message in waiting {
        try self.connection.sendMessage(stream, message.bytes, isCompressed: message.isCompressed)
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
  }

  func consumed(_ stream: HTTP2StreamID, bytes: Int) {
    self.connection.consumed(stream, bytes: bytes)
    self.io?.needsFlush()
  }

  /// Takes no new calls, and closes when the last one has ended.
  func beginShutdown() {
    self.connection.beginShutdown()
    self.io?.needsFlush()
  }

  // MARK: - Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.io = ConnectionIO(self.connection, context, self.writeBuffer) { [unowned self] in
      self.sendWaitingRequests()
    } runOutputs: { [unowned self] in
      self.runOutputs()
    } deadlineReached: { [unowned self] in
      if let reason = self.connection.deadlineReached(now: .now()) {
        self.closeReason = reason
      }
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
    self.connection.receive(self.unwrapInboundIn(data), now: .now())
    self.runOutputs()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.io?.endRead()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      self.io?.flush()
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
    // A server that leaves without TLS's last word has said all it had to say in HTTP/2.
    if error as? NIOSSLError != .uncleanShutdown {
      self.closeReason = TLSFailure(side: .client).reason(afterHandshake: error) ?? "\(error)"
    }
    context.close(promise: nil)
  }

  private func close() {
    guard !self.isClosed else { return }
    self.isClosed = true
    self.io?.stop()
    self.connection.connectionClosed()
    self.runOutputs()
    self.owner?.connectionClosed(self, reason: self.closeReason)
    self.owner = nil
  }

  // MARK: - Outputs

  private func runOutputs() {
    // What is started from in here is flushed when this is done.
    let wasRunning = self.isRunningOutputs
    self.isRunningOutputs = true
    defer { self.isRunningOutputs = wasRunning }
    var hasRoom = false
    while let output = self.connection.nextOutput() {
      switch consume output {
      case .ready:
        self.isReady = true
        self.closeReason = Self.closedByServer
        self.owner?.connectionReady(self)
      case .unaryAnswered(let stream, let response):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.hasAnswered = true
        call.noteLoad(in: response.trailingMetadata)
        self.owner?.callEnded(call, nil)
        call.receiver.answered(response)
      case .responseMetadata(let stream, let metadata, let encoding):
        self.calls[stream]?.receiver.received(metadata: metadata, encoding: encoding)
      case .responseBytes(let stream, let bytes):
        if let call = self.calls[stream] {
          call.receiver.received(bytes: bytes)
        } else {
          self.connection.consumed(stream, bytes: bytes.readableBytes)
        }
      case .streamFinished(let stream, let trailing):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.hasAnswered = true
        call.noteLoad(in: trailing)
        self.owner?.callEnded(call, nil)
        call.receiver.finished(trailing: trailing)
      case .failed(let stream, let failure):
        guard let call = self.calls.removeValue(forKey: stream) else { continue }
        self.owner?.callEnded(call, failure)
      case .requestWritable(let stream):
        self.calls[stream]?.receiver.writable(isBackedUp: self.connection.isBackedUp(stream))
      case .capacityChanged:
        hasRoom = true
      case .tooManyPings:
        self.onTooManyPings()
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
