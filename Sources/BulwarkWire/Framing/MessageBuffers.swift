import DequeModule
import struct NIOCore.ByteBuffer

/// The memory that large requests of an event loop's connections are put together in, one after the other.
///
/// A message of a megabyte is 256 fresh pages for its buffer, and the allocator gives them back to the system as soon as
/// the buffer is freed: faults on them were a quarter of the time that a server took to echo such messages. Here the
/// memory of the last few is kept, also while their handlers still run; a buffer that is somebody else's too by the time
/// it is its turn again is left to them.
///
/// Used on its event loop only.
public final class MessageBuffers {
  /// How many are kept: as many large messages as are usually on their way at once.
  private static let maxKept = 4

  /// How large one may be that is kept, which is that of the largest message by default.
  private static let maxCapacity = 4 * 1024 * 1024

  // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
  @exclusivity(unchecked) private var kept = Deque<ByteBuffer>()

  public init() {}

  /// An empty buffer with room for so many bytes, in memory that was used before if there is any.
  func take(capacity: Int) -> ByteBuffer {
    var buffer = self.kept.popFirst() ?? ByteBuffer()
    buffer.clear(minimumCapacity: capacity)
    return buffer
  }

  /// Keeps the memory of a message that is whole.
  func keep(_ message: ByteBuffer) {
    guard message.storageCapacity <= Self.maxCapacity, self.kept.count < Self.maxKept else { return }
    self.kept.append(message)
  }
}
