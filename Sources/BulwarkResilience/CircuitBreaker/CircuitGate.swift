import Synchronization

/// Lets calls pass without a lock for as long as the machine has said that it need not be asked.
///
/// The machine's owner, under its lock, posts what stands (``CircuitBreakerMachine/Standing``) and later recalls it. In
/// between, any thread answers from what is posted, and tallies it in a word of its stripe. That word holds the number
/// of the posting above the count, and recalling swaps it for zero. So a thread reads the word, then what is posted,
/// and then counts by compare and exchange: if that succeeds, no recall came in between, all that was read belongs to
/// the posting, and the count is part of what its recall returns. Nothing is counted twice, late or under another state.
struct CircuitGate: ~Copyable {
  /// What the tallies count for the present.
  enum Counting: UInt8, Sendable {
    case nothing
    case successes
    case rejections
  }

  /// The tally of one stripe, in a cache line of its own.
  private struct Tally: ~Copyable {
    private let padding = InlineArray<7, UInt64>(repeating: 0)
    let word = Atomic<UInt64>(0)
  }

  /// What is posted: the generation in the upper half, the kind in the lowest byte.
  private struct Word {
    static let asks: UInt64 = 0
    static let admits: UInt64 = 1
    static let refusesOpen: UInt64 = 2
    static let refusesForcedOpen: UInt64 = 3
    static let refusesProbes: UInt64 = 4

    static func admits(_ generation: UInt32) -> UInt64 { UInt64(generation) << 32 | Self.admits }
  }

  private static let oneMore: UInt64 = 1
  /// Short of where a count would run into the number above it.
  private static let mostCounted: UInt64 = 0xFFFF_FF00

  private let word = Atomic<UInt64>(Word.asks)
  private let end = Atomic<Int64>(.min)
  private let retryAt = Atomic<Int64>(.max)
  private let slowCallNanoseconds = Atomic<Int64>(.max)
  private let tallies = InlineArray<4, Tally> { _ in Tally() }

  // MARK: Any thread

  /// Answers a call that wants to start; `nil` if the machine must be asked.
  @inline(__always)
  func admit(at now: Int64) -> CircuitAdmission? {
    let posted = self.word.load(ordering: .acquiring)
    let kind = posted & 0xFF
    if kind == Word.admits {
      return .admitted(CircuitTicket(start: now, generation: UInt32(truncatingIfNeeded: posted >> 32)))
    }
    guard kind != Word.asks else { return nil }
    return self.refuse(at: now).map { .refused($0) }
  }

  @inline(__always)
  private func refuse(at now: Int64) -> Refusal? {
    var refusal = Refusal(.circuitOpen)
    let isCounted = self.tally { () -> Bool in
      guard now < self.end.load(ordering: .acquiring) else { return false }
      switch self.word.load(ordering: .acquiring) {
      case Word.refusesOpen:
        let retryAt = self.retryAt.load(ordering: .acquiring)
        refusal = Refusal(.circuitOpen, retryAfter: retryAt.saturatingSubtracting(now))
      case Word.refusesForcedOpen:
        refusal = Refusal(.circuitForcedOpen)
      case Word.refusesProbes:
        refusal = Refusal(.probesExhausted)
      default:
        return false
      }
      return true
    }
    return isCounted ? refusal : nil
  }

  /// Whether every call of the ticket's generation is admitted without the machine being asked.
  func admits(_ ticket: CircuitTicket) -> Bool {
    self.word.load(ordering: .acquiring) == Word.admits(ticket.generation)
  }

  /// Counts a success.
  ///
  /// - Returns: Whether it did; if not, the machine must be told.
  @inline(__always)
  func settleSuccess(_ ticket: CircuitTicket, at now: Int64) -> Bool {
    self.tally { () -> Bool in
      self.word.load(ordering: .acquiring) == Word.admits(ticket.generation)
        && now < self.end.load(ordering: .acquiring)
        && now.saturatingSubtracting(ticket.start) < self.slowCallNanoseconds.load(ordering: .acquiring)
    }
  }

  /// Adds one to this thread's tally, if what is posted allows it.
  @inline(__always)
  private func tally(if isAllowed: () -> Bool) -> Bool {
    while true {
      let stripe = Stripe.current
      let old = self.tallies[stripe].word.load(ordering: .acquiring)
      guard old != 0, old & 0xFFFF_FFFF < Self.mostCounted, isAllowed() else { return false }
      let (exchanged, found) = self.tallies[stripe].word.weakCompareExchange(
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

  /// Ends the posting.
  ///
  /// - Returns: How often it was made use of.
  func recall() -> UInt64 {
    var count: UInt64 = 0
    for stripe in self.tallies.indices {
      count += self.tallies[stripe].word.exchange(0, ordering: .acquiringAndReleasing) & 0xFFFF_FFFF
    }
    return count
  }

  /// Posts what stands, after a recall of what stood before.
  ///
  /// - Parameter number: Of this posting, another than that of the last four billion, and not 0.
  /// - Returns: What is counted from now on; a posting that counts nothing need not be recalled.
  func post(
    _ standing: CircuitBreakerMachine.Standing,
    number: UInt32,
    slowCallNanoseconds: Int64
  ) -> Counting {
    switch standing {
    case .asks:
      self.word.store(Word.asks, ordering: .releasing)
      return .nothing
    case .admits(let generation, let countsSuccesses, let end):
      self.end.store(end, ordering: .releasing)
      self.slowCallNanoseconds.store(slowCallNanoseconds, ordering: .releasing)
      self.word.store(Word.admits(generation), ordering: .releasing)
      guard countsSuccesses else { return .nothing }
      self.openTallies(number)
      return .successes
    case .refuses(let reason, let retryAt, let end):
      self.end.store(end, ordering: .releasing)
      self.retryAt.store(retryAt ?? .max, ordering: .releasing)
      switch reason {
      case .circuitForcedOpen: self.word.store(Word.refusesForcedOpen, ordering: .releasing)
      case .probesExhausted: self.word.store(Word.refusesProbes, ordering: .releasing)
      default: self.word.store(Word.refusesOpen, ordering: .releasing)
      }
      self.openTallies(number)
      return .rejections
    }
  }

  private func openTallies(_ number: UInt32) {
    for stripe in self.tallies.indices {
      self.tallies[stripe].word.store(UInt64(number) << 32, ordering: .releasing)
    }
  }
}
