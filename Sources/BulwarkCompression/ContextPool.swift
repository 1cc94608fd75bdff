import Synchronization

/// zlib states that wait to be used again. Safe from any thread.
///
/// A state costs 256 KiB for compression and 39 KiB for decompression, and much of the time of a small message if it is
/// made anew. Messages are compressed one after the other on each thread, so a pool never has more states than there
/// were threads at it at once, and it keeps no more than `capacity`: those beyond are freed when they come back.
final class ContextPool<Context: Sendable>: Sendable {
  private let idle = Mutex<[Context]>([])
  private let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// How many wait.
  var count: Int { self.idle.withLock { $0.count } }

  /// Takes one that waits; nil if there is none.
  func take() -> Context? {
    self.idle.withLock { $0.popLast() }
  }

  /// Gives one back.
  func put(_ context: Context) {
    self.idle.withLock { idle in
      if idle.count < self.capacity { idle.append(context) }
    }
  }
}
