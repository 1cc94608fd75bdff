package import struct NIOCore.ByteBuffer
import Synchronization

/// The compressed request of a call that may take several attempts: made by the first, used by all.
///
/// Safe from any thread: hedged attempts may ask at once.
package final class KeptCompression: Sendable {
  private struct Entry {
    let message: ByteBuffer
    let compressed: ByteBuffer?
  }

  private let entry = Mutex<Entry?>(nil)

  package init() {}

  /// The compressed message, made unless it was made before from the same bytes: what an interceptor has changed in an
  /// attempt is compressed anew.
  package func compressed(_ message: ByteBuffer, _ compress: (ByteBuffer) -> ByteBuffer?) -> ByteBuffer? {
    self.entry.withLock { entry in
      if let entry, entry.message == message { return entry.compressed }
      let compressed = compress(message)
      entry = Entry(message: message, compressed: compressed)
      return compressed
    }
  }
}
