import Synchronization

/// The free permits of a bulkhead while nobody waits: taken and given back with one compare-and-swap on a word of the
/// thread's own, and no lock.
///
/// One counter for all would cost two cores that hammer it more than half of their throughput, so there are four, each
/// in cache lines of its own. They are open all, or closed all; ``open(_:)`` and ``close()`` are called under the lock
/// of the shell. While they are closed, nothing is taken or given here, and everything goes through that lock.
///
/// Why nobody who waits is forgotten, and nobody overtakes one: a caller is queued only under the lock, while all words
/// are closed. A swap cannot succeed on a closed word, so each release after that comes to the lock, where it serves
/// the queue, and each newcomer too, where it finds the queue. A release that succeeds while the words are being closed
/// did so on a word that is closed after it, and is collected with it. No order between different words is relied on.
///
/// Why a refusal under the lock is exact: permits never move between words but through a holder, so when the last word
/// is closed, every permit is either collected or in somebody's hands. That instant is the refusal's.
struct PermitPool: ~Copyable, Sendable {
  // Both the line before and the line after are fetched along with a word's own, hence padding on both sides.
  private struct Word: ~Copyable {
    private let before: InlineArray<8, UInt64> = .init(repeating: 0)
    let bits = Atomic<UInt64>(PermitPool.closed)
    private let after: InlineArray<7, UInt64> = .init(repeating: 0)
  }

  /// From the low end: 20 bits of free permits, 43 bits that count admissions, one that says closed.
  private static let closed: UInt64 = 1 << 63
  /// From here on a word admits nobody: it is closed, or its count has to be collected before it overflows.
  private static let unusable: UInt64 = 1 << 62
  private static let permitBits: UInt64 = 20
  private static let oneAdmission: UInt64 = 1 << permitBits
  private static let permitMask: UInt64 = oneAdmission - 1

  private let words: InlineArray<4, Word>

  /// A pool that is closed.
  init() {
    self.words = InlineArray { _ in Word() }
  }

  private static func index(_ stripe: Int) -> Int { stripe & 3 }

  /// Takes permits from one of the words, this thread's first.
  ///
  /// - Returns: Whether it did. If not, there may still be enough in several words together: the lock tells.
  @inline(__always)
  func take(_ weight: Int) -> Bool {
    let own = Self.index(Stripe.current)
    return self.take(weight, from: own) || self.takeElsewhere(weight, than: own)
  }

  /// Gives permits to this thread's word.
  ///
  /// - Returns: Whether it did; not while the pool is closed.
  @inline(__always)
  func give(_ weight: Int) -> Bool {
    let own = Self.index(Stripe.current)
    var bits = self.words[own].bits.load(ordering: .relaxed)
    while bits & Self.closed == 0 {
      let swap = self.words[own].bits.weakCompareExchange(
        expected: bits,
        desired: bits &+ UInt64(truncatingIfNeeded: weight),
        ordering: .acquiringAndReleasing
      )
      if swap.exchanged { return true }
      bits = swap.original
    }
    return false
  }

  /// Closes every word.
  ///
  /// - Returns: The free permits that were there, and how many operations were admitted since it was opened.
  func close() -> (permits: Int, admitted: Int) {
    var permits: UInt64 = 0
    var admitted: UInt64 = 0
    for index in self.words.indices {
      let bits = self.words[index].bits.exchange(Self.closed, ordering: .acquiringAndReleasing)
      permits &+= bits & Self.permitMask
      admitted &+= (bits & ~Self.closed) >> Self.permitBits
    }
    return (Int(truncatingIfNeeded: permits), Int(truncatingIfNeeded: admitted))
  }

  /// Opens every word, each with its share of the permits.
  func open(_ permits: Int) {
    let share = permits / self.words.count
    let own = Self.index(Stripe.current)
    for index in self.words.indices {
      let part = index == own ? permits - share * (self.words.count - 1) : share
      self.words[index].bits.store(UInt64(truncatingIfNeeded: part), ordering: .releasing)
    }
  }

  @inline(__always)
  private func take(_ weight: Int, from index: Int) -> Bool {
    let weight = UInt64(truncatingIfNeeded: weight)
    var bits = self.words[index].bits.load(ordering: .relaxed)
    while bits < Self.unusable, bits & Self.permitMask >= weight {
      let swap = self.words[index].bits.weakCompareExchange(
        expected: bits,
        desired: bits &+ Self.oneAdmission &- weight,
        ordering: .acquiringAndReleasing
      )
      if swap.exchanged { return true }
      bits = swap.original
    }
    return false
  }

  @inline(never)
  private func takeElsewhere(_ weight: Int, than own: Int) -> Bool {
    for offset in 1..<self.words.count where self.take(weight, from: Self.index(own &+ offset)) {
      return true
    }
    return false
  }
}
