import NIOCore

/// The buffer that the connections of one event loop write with, one after the other.
///
/// A socket takes most writes at once, and then the buffer's memory serves the next one, of whichever connection: no
/// connection holds any while it is idle, and a large response does not take fresh pages from the system for each part
/// of it (8 % of the time of a stream of 64 KiB messages). What a socket has not taken stays with its channel.
///
/// Used on its event loop only.
final class WriteBuffer {
  /// More is not kept when it has been written.
  private static let keptCapacity = 512 * 1024

  private var buffer = ByteBuffer()

  /// An empty buffer, with the memory of the last one if nobody else holds that.
  func take() -> ByteBuffer {
    var buffer = ByteBuffer()
    swap(&buffer, &self.buffer)
    buffer.clear(minimumCapacity: 0)
    return buffer
  }

  /// The buffer is about to be written; or was taken for nothing.
  func giveBack(_ buffer: ByteBuffer) {
    if buffer.storageCapacity <= Self.keptCapacity { self.buffer = buffer }
  }
}
