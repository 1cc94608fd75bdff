import Synchronization

/// Lets calls pass without a lock for as long as the machine has said that it need not be asked.
///
/// The machine's owner, under its lock, posts what stands (``CircuitBreakerMachine/Standing``) and later recalls it. In
/// between, any thread answers from what is posted, and counts it in the ``CircuitTally`` of its stripe. That holds the
/// number of the posting above the count, and recalling swaps it for zero. So a thread reads the tally, then what is
/// posted, and then counts by compare and exchange: if that succeeds, no recall came in between, all that was read
/// belongs to the posting, and the count is part of what its recall returns. Nothing is counted twice, late or under
/// another state.
struct CircuitGate: ~Copyable {
  /// What the tallies count for the present.
  enum Counting: UInt8, Sendable {
    case nothing
    case successes
    case rejections
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

  private let word = Atomic<UInt64>(Word.asks)
  private let end = Atomic<Int64>(.min)
  /// While calls pass, how long a call takes that is slow; while they are refused, when to come back.
  private let bound = Atomic<Int64>(.max)

  // MARK: Any thread

  /// Answers a call that wants to start; `nil` if the machine must be asked.
  @inline(__always)
  func admit(at now: Int64, counting tally: borrowing CircuitTally) -> CircuitAdmission? {
    let posted = self.word.load(ordering: .acquiring)
    let kind = posted & 0xFF
    if kind == Word.admits {
      return .admitted(CircuitTicket(start: now, generation: UInt32(truncatingIfNeeded: posted >> 32)))
    }
    guard kind != Word.asks else { return nil }
    return self.refuse(at: now, counting: tally).map { .refused($0) }
  }

  @inline(__always)
  private func refuse(at now: Int64, counting tally: borrowing CircuitTally) -> Refusal? {
    var refusal = Refusal(.circuitOpen)
    let isCounted = tally.count { () -> Bool in
      guard now < self.end.load(ordering: .acquiring) else { return false }
      switch self.word.load(ordering: .acquiring) {
      case Word.refusesOpen:
        let retryAt = self.bound.load(ordering: .acquiring)
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
  func settleSuccess(_ ticket: CircuitTicket, at now: Int64, counting tally: borrowing CircuitTally) -> Bool {
    tally.count { () -> Bool in
      self.word.load(ordering: .acquiring) == Word.admits(ticket.generation)
        && now < self.end.load(ordering: .acquiring)
        && now.saturatingSubtracting(ticket.start) < self.bound.load(ordering: .acquiring)
    }
  }

  /// Counts a success, if neither the exact instant nor the duration matters: no rule about slow calls, and what is posted
  /// stands for a while yet.
  ///
  /// - Returns: Whether it did; if not, ``settleSuccess(_:at:counting:)`` is next.
  @inline(__always)
  func settleSuccess(_ ticket: CircuitTicket, atAbout now: Int64, counting tally: borrowing CircuitTally)
    -> Bool
  {
    tally.count { () -> Bool in
      self.word.load(ordering: .acquiring) == Word.admits(ticket.generation)
        && now.saturatingAdding(PolicyClock.coarseness) < self.end.load(ordering: .acquiring)
        && self.bound.load(ordering: .acquiring) == .max
    }
  }

  // MARK: The owner, under its lock

  /// What the tallies have counted since they were opened for what is posted.
  var counting: Counting {
    switch self.word.load(ordering: .relaxed) & 0xFF {
    case Word.asks: .nothing
    case Word.admits: .successes
    default: .rejections
    }
  }

  /// Posts what stands, after a recall of what stood before.
  ///
  /// - Returns: What the tallies count from now on, once they are opened; a posting that counts nothing needs none, and
  ///   no recall.
  func post(_ standing: CircuitBreakerMachine.Standing, slowCallNanoseconds: Int64) -> Counting {
    switch standing {
    case .asks:
      self.word.store(Word.asks, ordering: .releasing)
      return .nothing
    case .admits(let generation, let countsSuccesses, let end):
      self.end.store(end, ordering: .releasing)
      self.bound.store(slowCallNanoseconds, ordering: .releasing)
      self.word.store(Word.admits(generation), ordering: .releasing)
      return countsSuccesses ? .successes : .nothing
    case .refuses(let reason, let retryAt, let end):
      self.end.store(end, ordering: .releasing)
      self.bound.store(retryAt ?? .max, ordering: .releasing)
      switch reason {
      case .circuitForcedOpen: self.word.store(Word.refusesForcedOpen, ordering: .releasing)
      case .probesExhausted: self.word.store(Word.refusesProbes, ordering: .releasing)
      default: self.word.store(Word.refusesOpen, ordering: .releasing)
      }
      return .rejections
    }
  }
}
