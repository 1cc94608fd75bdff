import Synchronization

/// A count that threads add to without slowing each other down, and that is seldom read.
struct StripedCounter: ~Copyable, Sendable {
  // The stripes' words lie 64 bytes apart from each other and from whatever lies before and after the counter, so none
  // shares a cache line, however the whole is aligned.
  private let words = InlineArray<40, Atomic<Int>> { _ in Atomic(0) }

  @inline(__always)
  private static func index(of stripe: Int) -> Int { (stripe &+ 1) &* 8 }

  /// Counts one.
  @inline(__always)
  func increment() {
    self.words[Self.index(of: Stripe.current)].wrappingAdd(1, ordering: .relaxed)
  }

  /// All that was counted; what is counted meanwhile may be missing.
  var value: Int {
    (0..<Stripe.count).reduce(0) { sum, stripe in
      sum &+ self.words[Self.index(of: stripe)].load(ordering: .relaxed)
    }
  }
}
