import Synchronization

/// A count that threads add to without slowing each other down, and that is seldom read.
struct StripedCounter: ~Copyable, Sendable {
  // The stripes' words lie 64 bytes apart, so no two share a cache line, however the whole is aligned.
  private static let spacing = 8
  private let words = InlineArray<32, Atomic<Int>> { _ in Atomic(0) }

  /// Counts one.
  @inline(__always)
  func increment() {
    self.words[Stripe.current &* Self.spacing].wrappingAdd(1, ordering: .relaxed)
  }

  /// All that was counted; what is counted meanwhile may be missing.
  var value: Int {
    (0..<Stripe.count).reduce(0) { sum, stripe in
      sum &+ self.words[stripe &* Self.spacing].load(ordering: .relaxed)
    }
  }
}
