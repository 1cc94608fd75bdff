import DequeModule
import NIOCore
import NIOPosix

/// A connection through a `ChaosProxy`: two sockets, and what is on its way between them. Used on its loop only.
final class ChaosConnection {
  enum Side: CaseIterable {
    case client
    case server

    var other: Side { self == .client ? .server : .client }
  }

  /// What has come from one side and has not been passed on.
  private struct Lane {
    var pieces = Deque<(due: NIODeadline, bytes: ByteBuffer)>()
    var hasEnded = false
    var wake: Scheduled<Void>?
  }

  private let channels: [Side: any Channel]
  private let eventLoop: any EventLoop
  private var lanes: [Side: Lane] = [.client: Lane(), .server: Lane()]
  private var fault: ChaosFault?
  private var passedBytes = 0
  private var isSevered = false

  init(client: any Channel, server: any Channel, fault: ChaosFault?) {
    self.channels = [.client: client, .server: server]
    self.eventLoop = client.eventLoop
    self.fault = fault
  }

  /// Begins to read both sides.
  func start() throws {
    for (side, channel) in self.channels {
      try channel.pipeline.syncOperations.addHandler(ChaosEnd(self, side))
      channel.closeFuture.assumeIsolated().whenComplete { _ in self.ended(side) }
    }
    self.channels[.server]?.setOption(.autoRead, value: true).whenFailure { _ in }
  }

  /// Completes when both sockets are closed.
  var closeFuture: EventLoopFuture<Void> {
    EventLoopFuture.andAllComplete(self.channels.values.map(\.closeFuture), on: self.eventLoop)
  }

  func apply(_ fault: ChaosFault?) {
    guard !self.isSevered else {
      // What got lost cannot come any more; so far nobody knew.
      if fault == nil { self.reset() }
      return
    }
    self.fault = fault
    self.passedBytes = 0
    for side in Side.allCases {
      self.lanes[side]?.wake?.cancel()
      self.lanes[side]?.wake = nil
      self.pump(from: side)
    }
  }

  func received(_ bytes: ByteBuffer, from side: Side) {
    guard !self.isSevered else { return }
    var due = NIODeadline.now()
    if case .delay(let amount) = self.fault { due = due + amount }
    self.lanes[side]?.pieces.append((due, bytes))
    self.pump(from: side)
  }

  private func ended(_ side: Side) {
    // Nobody is left to take what comes from the other side.
    self.lanes[side.other]?.wake?.cancel()
    self.lanes[side.other] = Lane()
    guard !self.isSevered else { return }
    self.lanes[side]?.hasEnded = true
    self.pump(from: side)
  }

  /// Ends both sides with RST.
  func reset() {
    for channel in self.channels.values {
      let unset = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
      unset?.whenComplete { _ in channel.close(promise: nil) }
    }
  }

  private func cut() {
    for channel in self.channels.values { channel.close(promise: nil) }
  }

  // MARK: - Passing on

  private func pump(from side: Side) {
    guard self.lanes[side]?.wake == nil else { return }
    while var piece = self.lanes[side]?.pieces.popFirst() {
      let count = self.share(of: piece, from: side)
      if let bytes = piece.bytes.readSlice(length: count), count > 0 {
        self.passedBytes += count
        self.channels[side.other]?.writeAndFlush(bytes, promise: nil)
      }
      if piece.bytes.readableBytes > 0 { self.lanes[side]?.pieces.prepend(piece) }
      if let limit = self.fault?.byteLimit, self.passedBytes >= limit { return self.breakUp() }
      if self.lanes[side]?.wake != nil { return }
    }
    if self.lanes[side]?.hasEnded == true { self.channels[side.other]?.close(promise: nil) }
  }

  /// How much of the piece may pass now. Sees to the rest, if that is only a matter of time.
  private func share(of piece: (due: NIODeadline, bytes: ByteBuffer), from side: Side) -> Int {
    switch self.fault {
    case nil: return piece.bytes.readableBytes
    case .delay:
      guard piece.due > .now() else { return piece.bytes.readableBytes }
      self.wake(side, at: piece.due)
      return 0
    case .dribble:
      self.wake(side, at: .now() + ChaosFault.dribbleInterval)
      return 1
    case .cut(let limit), .reset(let limit), .halfOpen(let limit):
      return min(piece.bytes.readableBytes, max(0, limit - self.passedBytes))
    }
  }

  private func wake(_ side: Side, at instant: NIODeadline) {
    self.lanes[side]?.wake = self.eventLoop.assumeIsolated().scheduleTask(deadline: instant) {
      self.lanes[side]?.wake = nil
      self.pump(from: side)
    }
  }

  private func breakUp() {
    switch self.fault {
    case .cut: self.cut()
    case .reset: self.reset()
    case .halfOpen, .delay, .dribble, nil: self.isSevered = true
    }
  }
}

/// Tells a connection what comes from one of its sides.
final class ChaosEnd: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let connection: ChaosConnection
  private let side: ChaosConnection.Side

  init(_ connection: ChaosConnection, _ side: ChaosConnection.Side) {
    self.connection = connection
    self.side = side
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.connection.received(self.unwrapInboundIn(data), from: self.side)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
