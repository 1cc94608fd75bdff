import DequeModule
import struct NIOCore.ByteBuffer

/// The memory that large requests of an event loop's connections are put together in, one after the other.
///
/// A message of a megabyte is 256 fresh pages for its buffer, and the allocator gives them back to the system as soon as
/// the buffer is freed: faults on them were 28 % of the time of a server that echoes such messages. Here the memory of the
/// last ones is kept, also while their handlers still run; a buffer that is somebody else's too by the time that it is its
/// turn again is left to them.
///
/// Who asks gets no more than it asks for, rounded up as ever: a peer that sends little of a large message binds as little
/// as without it.
///
/// Used on its event loop only.
public final class MessageBuffers {
  /// How much is kept, in bytes: four of the largest messages that are taken by default.
  private static let maxKeptBytes = 16 * 1024 * 1024

  // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
  @exclusivity(unchecked) private var kept = Deque<ByteBuffer>()
  @exclusivity(unchecked) private(set) var keptBytes = 0

  public init() {}

  /// An empty buffer with room for so many bytes, and for less than twice as many, in memory that was used before if there is
  /// any.
  func take(capacity: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    if let index = self.kept.firstIndex(where: {
      $0.storageCapacity >= capacity && $0.storageCapacity / 2 < capacity
    }) {
      buffer = self.kept.remove(at: index)
      self.keptBytes -= buffer.storageCapacity
    }
    buffer.clear(minimumCapacity: capacity)
    return buffer
  }

  /// Keeps the memory of a message, in place of what has been kept for longest.
  func keep(_ message: ByteBuffer) {
    let bytes = message.storageCapacity
    guard bytes > 0, bytes <= Self.maxKeptBytes else { return }
    while self.keptBytes + bytes > Self.maxKeptBytes, let oldest = self.kept.popFirst() {
      self.keptBytes -= oldest.storageCapacity
    }
    self.kept.append(message)
    self.keptBytes += bytes
  }
}
