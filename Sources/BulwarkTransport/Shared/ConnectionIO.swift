import BulwarkCore
import BulwarkWire
import NIOCore

/// What a channel handler needs of the connection it moves bytes for: the same on the client and the server.
protocol WireConnection: AnyObject {
  var isFinished: Bool { get }
  /// Whether the peer does not answer any more: then no last byte is waited for.
  var isPeerLost: Bool { get }
  var nextDeadline: MonotonicInstant? { get }
  func takeOutbound(into buffer: inout ByteBuffer, limit: Int) -> Bool
}

extension ServerConnection: WireConnection {}
extension ClientConnection: WireConnection {}

/// The writing side of a connection's channel, and its timer.
///
/// One write and one flush for all that a read produced, unless its owner writes in between, and for all that is submitted
/// in one tick. When the connection has nothing left to say, the channel is closed after the last byte has gone.
///
/// Used on its event loop only.
final class ConnectionIO<Connection: WireConnection> {
  /// How much goes into one write, so that one connection does not hold the loop for long. More than the 256 KiB after
  /// which a stream is backed up, with their frames: the rest would be a write of a few bytes for each that is full.
  private static var writeLimit: Int { 320 * 1024 }

  /// How long the last bytes may take to go before the channel is closed anyway.
  private static var lingerTimeout: TimeAmount { .seconds(5) }

  private let connection: Connection
  private let eventLoop: any EventLoop
  private let collect: () -> Void
  private let runOutputs: () -> Void
  private var timer: DeadlineTimer?
  private var context: ChannelHandlerContext?
  private let writeBuffer: WriteBuffer
  private var isHandlingRead = false
  private var isFlushing = false
  private var isFlushScheduled = false
  private var isClosing = false

  /// - Parameters:
  ///   - writeBuffer: that of the event loop.
  ///   - collect: puts into the connection what waits for the next bytes to go out.
  ///   - runOutputs: does what the connection wants done; called after bytes were taken, which can produce more.
  ///   - deadlineReached: called when a deadline of the connection may have been reached.
  init(
    _ connection: Connection,
    _ context: ChannelHandlerContext,
    _ writeBuffer: WriteBuffer,
    collect: @escaping () -> Void,
    runOutputs: @escaping () -> Void,
    deadlineReached: @escaping () -> Void
  ) {
    self.connection = connection
    self.eventLoop = context.eventLoop
    self.context = context
    self.writeBuffer = writeBuffer
    self.collect = collect
    self.runOutputs = runOutputs
    self.timer = DeadlineTimer(on: context.eventLoop) { [unowned self] in
      deadlineReached()
      self.runOutputs()
      self.flush()
    }
  }

  /// Whether there is a channel to write to.
  var isOpen: Bool { self.context != nil && !self.isClosing }

  /// The channel is gone, or the handler has left it.
  func stop() {
    self.context = nil
    self.timer?.stop()
    self.timer = nil
  }

  func beginRead() {
    self.isHandlingRead = true
  }

  func endRead() {
    self.isHandlingRead = false
    self.flush()
  }

  /// Sees to it that what was submitted is flushed: at the end of this read, or of this tick.
  func needsFlush() {
    guard !self.isHandlingRead, !self.isFlushScheduled, self.context != nil else { return }
    self.isFlushScheduled = true
    self.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.flush()
    }
  }

  func flush() {
    // A write can call back at once, with a new writability or with the end of the channel; what that would
    // flush is flushed by the loop that is running.
    guard !self.isFlushing, self.context != nil else { return }
    self.isFlushing = true
    self.collect()
    self.writeAll()
    // Taking bytes can make room for a writer or a call that waits.
    self.runOutputs()
    self.isFlushing = false
    self.timer?.update(self.connection.nextDeadline)
    self.closeIfFinished()
  }

  /// Writes what there is so far, in the middle of `runOutputs`.
  func write() {
    guard !self.isFlushing, self.context != nil else { return }
    self.isFlushing = true
    self.collect()
    self.writeAll()
    self.isFlushing = false
  }

  private func writeAll() {
    var hasMore = true
    while hasMore, let context = self.context, context.channel.isActive, context.channel.isWritable {
      var buffer = self.writeBuffer.take()
      hasMore = self.connection.takeOutbound(into: &buffer, limit: Self.writeLimit)
      self.writeBuffer.giveBack(buffer)
      guard buffer.readableBytes > 0 else { return }
      context.writeAndFlush(NIOAny(buffer), promise: nil)
    }
  }

  private func closeIfFinished() {
    guard self.connection.isFinished, !self.isClosing, let context = self.context else { return }
    self.isClosing = true
    guard !self.connection.isPeerLost else {
      context.close(promise: nil)
      return
    }
    // Writes complete in order: when this empty one has, the last byte before it is out.
    let written = context.eventLoop.makePromise(of: Void.self)
    let channel = context.channel
    written.futureResult.whenComplete { _ in channel.close(promise: nil) }
    context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
    // A peer that does not read must not keep the channel.
    let linger = context.eventLoop.scheduleTask(in: Self.lingerTimeout) { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in linger.cancel() }
  }
}
