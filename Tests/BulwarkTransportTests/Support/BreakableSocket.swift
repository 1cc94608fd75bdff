import NIOCore

/// A socket that, once broken, closes its channel while a write is under way.
final class BreakableSocket: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  var isBroken = false
  private(set) var refusedWrites = 0

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard self.isBroken else {
      context.write(data, promise: promise)
      return
    }
    self.refusedWrites += 1
    promise?.fail(ChannelError.eof)
    context.close(promise: nil)
  }
}
