import NIOCore

/// Writes what a connection has to send: one write and one flush for all of it.
///
/// Used on its event loop only.
struct OutboundFlusher {
  /// How much goes into one write, so that one connection does not hold the loop for long.
  private static let writeLimit = 256 * 1024

  private var buffer = ByteBuffer()

  /// Writes and flushes until nothing is left or the channel takes no more.
  ///
  /// - Parameter take: appends up to about `limit` bytes and says whether more is waiting.
  mutating func flush(
    _ context: ChannelHandlerContext,
    _ take: (_ buffer: inout ByteBuffer, _ limit: Int) -> Bool
  ) {
    var hasMore = true
    while hasMore, context.channel.isActive, context.channel.isWritable {
      // The channel has let go of the last buffer if it could send it at once; then its memory is used again.
      self.buffer.clear()
      hasMore = take(&self.buffer, Self.writeLimit)
      guard self.buffer.readableBytes > 0 else { return }
      context.writeAndFlush(NIOAny(self.buffer), promise: nil)
    }
  }
}
