import NIOCore

/// The buffer that the connections of one event loop are read into, one after the other.
///
/// What a read brings has been looked at when it ends, and what is kept of it was copied or holds the memory. So no
/// connection has a buffer while it says nothing, and each may bring as much at once as the busiest.
///
/// `@unchecked Sendable`: the allocator of a channel has to be. Both are used on the event loop alone.
final class ReadBuffer: @unchecked Sendable {
  private static let capacity = 64 * 1024

  private var buffer = ByteBuffer()

  /// Has a channel of the event loop read into the buffer. Before its first read, which has to be told.
  ///
  /// NIO keeps the first buffer that a channel reads into for as long as the channel lives; more only if the channel may
  /// read several times in a turn; and takes the others from its allocator, if that foretells no size and says that the
  /// next one may be larger. So the first is the smallest there is, and the rest of what a client says first is read in
  /// the same turn: bytes that nobody has read when a channel is closed make the kernel drop what was written last.
  func attach(to channel: any Channel) throws {
    try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 2)
    try channel.syncOptions?.setOption(.recvAllocator, value: Allocator(buffer: self))
  }

  /// An attached channel has read for the first time. It may read once more in this turn, and keeps nothing of that; then
  /// it reads once a turn.
  func didReadFirst(on channel: any Channel) {
    // It fails only for a channel that is closed.
    try? channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
  }

  /// What was read has been looked at.
  func giveBack(_ buffer: ByteBuffer) {
    if buffer.storageCapacity == Self.capacity { self.buffer = buffer }
  }

  /// An empty buffer, with the memory of the last one if nobody else holds that.
  private func take() -> ByteBuffer {
    var buffer = ByteBuffer()
    swap(&buffer, &self.buffer)
    buffer.clear(minimumCapacity: Self.capacity)
    return buffer
  }

  private struct Allocator: RecvByteBufferAllocator {
    private static let firstCapacity = 64

    let buffer: ReadBuffer
    var hasRead = false

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
      self.hasRead ? self.buffer.take() : allocator.buffer(capacity: Self.firstCapacity)
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
      self.hasRead = true
      return true
    }
  }
}
