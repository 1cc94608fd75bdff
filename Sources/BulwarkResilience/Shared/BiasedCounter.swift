import Synchronization

/// A count that the first thread to use it adds to at the price of a plain store, and all others at that of an atomic
/// addition (the idea of biased locking; Kawachiya, Koseki, Onodera, OOPSLA 2002).
///
/// Why nothing is lost: only the thread that ``owner`` names writes ``owned``, and no two threads that run have the same
/// number. A thread that ends and one that later gets its number are ordered by the system, which gives the number away
/// under its lock.
struct BiasedCounter: ~Copyable, Sendable {
  private let owner = Atomic<UInt>(0)
  private let owned = Atomic<Int>(0)
  private let shared = Atomic<Int>(0)

  /// Counts one.
  ///
  /// - Parameter thread: `Stripe.thread`, read since the last suspension.
  @inline(__always)
  func increment(by thread: UInt) {
    guard self.owner.load(ordering: .relaxed) == thread else { return self.incrementShared(by: thread) }
    self.owned.store(self.owned.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  @inline(never)
  private func incrementShared(by thread: UInt) {
    if self.owner.load(ordering: .relaxed) == 0 {
      _ = self.owner.compareExchange(expected: 0, desired: thread, ordering: .relaxed)
    }
    self.shared.wrappingAdd(1, ordering: .relaxed)
  }

  /// Takes one back that any thread has counted.
  func decrement() {
    self.shared.wrappingSubtract(1, ordering: .relaxed)
  }

  /// All that was counted; what is counted meanwhile may be missing.
  var value: Int { self.owned.load(ordering: .relaxed) &+ self.shared.load(ordering: .relaxed) }
}
