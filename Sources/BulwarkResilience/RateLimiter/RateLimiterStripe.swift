import Synchronization

/// What the threads of one stripe have for themselves: counters, and under contention a lease of cells.
///
/// One word that all threads exchange limits them to what a cache line can travel between their cores, however little
/// each of them takes. So a thread that lost an exchange takes a batch in advance, and it and the others of its stripe
/// spend that without looking further. Without contention there is no lease, and each call goes by the algorithm alone.
struct RateLimiterStripe: ~Copyable {
  /// Expiry, in nanoseconds since the limiter's epoch, times 64; and the cells left, less than 64.
  private let lease = Atomic<Int64>(0)
  /// How many more leases may follow each other before contention has to show itself again.
  private let renewals = Atomic<Int>(0)
  private let admitted = BiasedCounter()
  private let refused = Atomic<Int>(0)
  // A whole cache line: wherever the first stripe starts, the neighbour's words are in another one. So the four stripes
  // of a limiter take 448 bytes.
  private let padding: (Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0)

  /// Takes cells from the lease, if it still runs and has so many.
  @inline(__always)
  func spend(_ cells: Int64, sinceEpoch: Int64) -> Bool {
    var word = self.lease.load(ordering: .relaxed)
    while cells > 0, word & 63 >= cells, word &>> 6 >= sinceEpoch, sinceEpoch >= 0 {
      let (exchanged, original) = self.lease.weakCompareExchange(
        expected: word,
        desired: word &- cells,
        ordering: .relaxed
      )
      if exchanged { return true }
      if original != word { Stripe.collided() }
      word = original
    }
    return false
  }

  /// Whether the last lease was used up before its time: then another one is worth its while, for so many times.
  @inline(__always)
  func wantsLease(sinceEpoch: Int64) -> Bool {
    let renewals = self.renewals.load(ordering: .relaxed)
    guard renewals > 0 else { return false }
    self.renewals.store(renewals &- 1, ordering: .relaxed)
    let word = self.lease.load(ordering: .relaxed)
    return word > 0 && word &>> 6 >= sinceEpoch
  }

  /// A thread of this stripe lost an exchange to another.
  func noteContention() {
    self.renewals.store(64, ordering: .relaxed)
  }

  /// Puts a lease in, in place of what is left of the one before.
  func put(_ cells: Int64, untilSinceEpoch expiry: Int64) {
    // Past nine years the expiry would not fit beside the cells; contention then costs what it costs.
    guard expiry >= 0, expiry < 1 << 57 else { return }
    self.lease.store(expiry << 6 | cells, ordering: .relaxed)
  }

  /// Takes out what is left of a lease that has run out.
  ///
  /// - Returns: The cells and the expiry, if there is any.
  @inline(__always)
  func takeRest(sinceEpoch: Int64) -> (cells: Int64, expiry: Int64)? {
    let word = self.lease.load(ordering: .relaxed)
    guard word & 63 > 0, word &>> 6 < sinceEpoch,
      self.lease.compareExchange(expected: word, desired: 0, ordering: .relaxed).exchanged
    else { return nil }
    return (word & 63, word &>> 6)
  }

  /// Ends the lease.
  func revoke() {
    self.lease.store(0, ordering: .relaxed)
  }

  /// - Parameter thread: `Stripe.thread`, read since the last suspension.
  @inline(__always)
  func countAdmitted(by thread: UInt) { self.admitted.increment(by: thread) }
  func discountAdmitted() { self.admitted.decrement() }
  @inline(__always)
  func countRefused() { self.refused.wrappingAdd(1, ordering: .relaxed) }

  var counts: (admitted: Int, refused: Int) {
    (self.admitted.value, self.refused.load(ordering: .relaxed))
  }
}
