import Synchronization

/// The requests of the last while, counted by many threads at once without a lock.
///
/// Each stripe of threads has a ring of eight slots, one for each part of the window. A slot's word holds the low half of
/// the part's number beside the count, so that counting and starting anew are one exchange, and a thread that comes late
/// cannot count into a part that is not its own.
struct RequestWindow: ~Copyable, Sendable {
  // A stripe's eight slots fill 64 bytes, with 64 unused ones before and after them: no cache line has two stripes, or
  // one and something else.
  private let words = InlineArray<72, Atomic<UInt64>> { _ in Atomic(0) }

  @inline(__always)
  private static func index(of epoch: Int64, in stripe: Int) -> Int {
    stripe &* 16 &+ 8 &+ self.slot(of: epoch)
  }

  /// The part of the window, counted from the clock's start, in which an instant lies.
  static func epoch(of now: Int64, width: Int64) -> Int64 {
    now >= 0 ? now / width : (now + 1) / width - 1
  }

  /// A part's place in the ring.
  static func slot(of epoch: Int64) -> Int {
    Int(truncatingIfNeeded: epoch) & (RetryBudgetMachine.slots - 1)
  }

  private static func tag(of epoch: Int64) -> UInt64 {
    UInt64(truncatingIfNeeded: epoch) << 32
  }

  /// Counts one request.
  func add(in epoch: Int64) {
    let index = Self.index(of: epoch, in: Stripe.current)
    let tag = Self.tag(of: epoch)
    var word = self.words[index].load(ordering: .relaxed)
    while true {
      let next: UInt64
      if word & ~0xFFFF_FFFF == tag {
        // At four thousand million requests a part's count stays where it is.
        guard word & 0xFFFF_FFFF < 0xFFFF_FFFF else { return }
        next = word &+ 1
      } else {
        let age = Int32(truncatingIfNeeded: tag >> 32 &- word >> 32)
        // A thread that is a window late counts no more. What lies further ahead is no lateness, but was left behind by
        // another clock reading or width, and would refuse all requests until then.
        guard age > 0 || age < -Int32(RetryBudgetMachine.slots) || word == 0 else { return }
        next = tag | 1
      }
      let (exchanged, original) = self.words[index].weakCompareExchange(
        expected: word,
        desired: next,
        ordering: .relaxed
      )
      if exchanged { return }
      word = original
    }
  }

  /// The requests of the eight parts that end with this one.
  func count(endingIn epoch: Int64) -> Int64 {
    var sum: Int64 = 0
    for part in epoch.saturatingSubtracting(Int64(RetryBudgetMachine.slots - 1))...epoch {
      for stripe in 0..<Stripe.count {
        let word = self.words[Self.index(of: part, in: stripe)].load(ordering: .relaxed)
        if word & ~0xFFFF_FFFF == Self.tag(of: part) { sum += Int64(word & 0xFFFF_FFFF) }
      }
    }
    return sum
  }

  /// Forgets all requests.
  func clear() {
    for index in self.words.indices { self.words[index].store(0, ordering: .relaxed) }
  }
}
