import Synchronization

/// What one stripe counts on the machine's behalf while something is posted: see ``CircuitGate``.
struct CircuitTally: ~Copyable, Sendable {
  private static let oneMore: UInt64 = 1
  /// Short of where a count would run into the number above it.
  private static let mostCounted: UInt64 = 0xFFFF_FF00

  private let word = Atomic<UInt64>(0)

  /// Adds one, if what is posted allows it.
  @inline(__always)
  func count(if isAllowed: () -> Bool) -> Bool {
    while true {
      let old = self.word.load(ordering: .acquiring)
      guard old != 0, old & 0xFFFF_FFFF < Self.mostCounted, isAllowed() else { return false }
      let (exchanged, found) = self.word.weakCompareExchange(
        expected: old,
        desired: old &+ Self.oneMore,
        ordering: .acquiringAndReleasing
      )
      if exchanged { return true }
      // Another number would be a recall's doing; another count is that of a thread on the same stripe.
      if found != old, found >> 32 == old >> 32 { Stripe.collided() }
    }
  }

  // MARK: The owner, under its lock

  /// Ends the posting here.
  ///
  /// - Returns: How often use was made of it.
  func recall() -> UInt64 {
    self.word.exchange(0, ordering: .acquiringAndReleasing) & 0xFFFF_FFFF
  }

  /// Counts for a posting that stands.
  ///
  /// - Parameter number: Of this posting, another than that of the last four billion, and not 0.
  func open(_ number: UInt32) {
    self.word.store(UInt64(number) << 32, ordering: .releasing)
  }
}
