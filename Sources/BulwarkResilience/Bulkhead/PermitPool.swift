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
///
/// Why one without the lock is exact: ``Refusable`` is announced under the lock, and taken back before the first word
/// opens. Whoever knows of a permit that has come free knows it through such a word, and so sees that it was taken back.
struct PermitPool: ~Copyable, Sendable {
  // Both the line before and the line after are fetched along with a word's own, hence padding on both sides.
  private struct Word: ~Copyable {
    private let before: InlineArray<8, UInt64> = .init(repeating: 0)
    let bits = Atomic<UInt64>(PermitPool.closed)
    private let after: InlineArray<7, UInt64> = .init(repeating: 0)
  }

  /// From the low end: 20 bits of free permits, 43 bits that count admissions, one that says closed. A closed word counts
  /// refusals instead.
  private static let closed: UInt64 = 1 << 63
  /// From here on a word admits nobody: it is closed, or its count has to be collected before it overflows.
  private static let unusable: UInt64 = 1 << 62
  private static let permitBits: UInt64 = 20
  private static let oneAdmission: UInt64 = 1 << permitBits
  private static let permitMask: UInt64 = oneAdmission - 1

  /// Who is certain to be refused as the permits stand: callers of up to so much weight.
  struct Refusable: Hashable {
    /// Those who only try.
    var trying = 0
    /// Those who would wait.
    var waiting = 0
  }

  /// What happened in the pool since it was last asked.
  struct Collected {
    /// The free permits that were in it.
    var permits = 0
    /// The operations that were admitted.
    var admitted = 0
    /// The callers that were refused for want of a permit.
    var refused = 0
  }

  private let words: InlineArray<4, Word>
  private let refusableTrying = Atomic(0)
  private let refusableWaiting = Atomic(0)

  /// A pool that is closed.
  init() {
    self.words = InlineArray { _ in Word() }
  }

  private static func index(_ stripe: Int) -> Int { stripe & 3 }

  // MARK: - For everyone

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
      Self.noteCollision(swap.original, insteadOf: bits)
      bits = swap.original
    }
    return false
  }

  /// Refuses a caller who only tries, and counts it, if no permit is free or somebody waits for one.
  ///
  /// - Returns: Whether it did. If not, the lock tells.
  func refuseTrying(_ weight: Int) -> Bool {
    weight <= self.refusableTrying.load(ordering: .acquiring) && self.countRefusal()
  }

  /// Refuses a caller who would wait, and counts it, if no permit is free and nobody may wait.
  ///
  /// - Returns: Whether it did. If not, the lock tells.
  func refuseWaiting(_ weight: Int) -> Bool {
    weight <= self.refusableWaiting.load(ordering: .acquiring) && self.countRefusal()
  }

  // MARK: - Under the lock

  /// Closes every word, or leaves it closed, and collects what is in it.
  func close() -> Collected {
    var collected = Collected()
    for index in self.words.indices {
      let bits = self.words[index].bits.exchange(Self.closed, ordering: .acquiringAndReleasing)
      if bits & Self.closed == 0 {
        collected.permits &+= Int(truncatingIfNeeded: bits & Self.permitMask)
        collected.admitted &+= Int(truncatingIfNeeded: bits >> Self.permitBits)
      } else {
        collected.refused &+= Int(truncatingIfNeeded: bits & ~Self.closed)
      }
    }
    return collected
  }

  /// Says who is certain to be refused, as long as the pool stays closed.
  func announce(_ refusable: Refusable) {
    self.refusableTrying.store(refusable.trying, ordering: .releasing)
    self.refusableWaiting.store(refusable.waiting, ordering: .releasing)
  }

  /// Opens every word of a closed pool, each with its share of the permits. Nobody may be announced as refusable.
  ///
  /// - Returns: How many callers were refused since the pool was closed or last collected.
  func open(_ permits: Int) -> Int {
    let share = permits / self.words.count
    let own = Self.index(Stripe.current)
    var refused: UInt64 = 0
    for index in self.words.indices {
      let part = index == own ? permits - share * (self.words.count - 1) : share
      let bits = self.words[index].bits.exchange(
        UInt64(truncatingIfNeeded: part),
        ordering: .acquiringAndReleasing
      )
      refused &+= bits & ~Self.closed
    }
    return Int(truncatingIfNeeded: refused)
  }

  // MARK: - One word

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
      Self.noteCollision(swap.original, insteadOf: bits)
      bits = swap.original
    }
    return false
  }

  @inline(never)
  private func takeElsewhere(_ weight: Int, than own: Int) -> Bool {
    // Where one is closed, the others are too, or will be at once.
    guard self.words[own].bits.load(ordering: .relaxed) & Self.closed == 0 else { return false }
    for offset in 1..<self.words.count where self.take(weight, from: Self.index(own &+ offset)) {
      return true
    }
    return false
  }

  /// Tells the stripes of a thread that came in between: a weak exchange may also fail for nothing, or find that the word
  /// was opened or closed under the lock.
  @inline(__always)
  private static func noteCollision(_ found: UInt64, insteadOf expected: UInt64) {
    if found != expected, (found ^ expected) & Self.closed == 0 { Stripe.collided() }
  }

  private func countRefusal() -> Bool {
    let own = Self.index(Stripe.current)
    var bits = self.words[own].bits.load(ordering: .relaxed)
    while bits & Self.closed != 0 {
      let swap = self.words[own].bits.weakCompareExchange(
        expected: bits,
        desired: bits &+ 1,
        ordering: .relaxed
      )
      if swap.exchanged { return true }
      Self.noteCollision(swap.original, insteadOf: bits)
      bits = swap.original
    }
    return false
  }
}
