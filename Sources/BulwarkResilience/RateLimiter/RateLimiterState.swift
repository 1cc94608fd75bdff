import Synchronization

/// The bucket of a ``RateLimiter`` as all threads see it: one word that decides, and beside it, in the same cache
/// line, the settings that give it a meaning.
///
/// The word is the TAT; its sign bit says that it is *held*: that whoever has the limiter's lock may write it, and
/// nobody else. It is held while callers wait in the queue, so that no newcomer slips past them, and while the
/// settings change. Otherwise any thread may exchange it for a later TAT.
///
/// Why such an exchange never mixes old settings with a new TAT: the TATs of different settings are different numbers
/// (``RateLimiterMachine/reconfigured(rate:burst:tat:at:)``), so it succeeds only if the settings still are the ones
/// that were read with the TAT. Why a snapshot is of one moment: the generation is odd while the settings are being
/// written, and has changed afterwards.
struct RateLimiterState: ~Copyable {
  struct Snapshot {
    var machine: RateLimiterMachine
    var word: Int64

    var tat: Int64 { self.word & .max }
    var isHeld: Bool { self.word < 0 }
  }

  private let word: Atomic<Int64>
  private let generation = Atomic<UInt64>(0)
  private let multiplier: Atomic<UInt64>
  private let capacity: Atomic<Int64>
  private let anchor: Atomic<Int64>
  private let origin: Atomic<Int64>
  private let shifts: Atomic<Int>
  /// Units that callers wait for.
  private let queued = Atomic<Int64>(0)
  private let longest: Atomic<Int64>

  init(_ machine: RateLimiterMachine, longestWait: Int64) {
    self.longest = Atomic(longestWait)
    self.word = Atomic(machine.origin)
    self.multiplier = Atomic(machine.multiplier)
    self.capacity = Atomic(machine.capacity)
    self.anchor = Atomic(machine.anchor)
    self.origin = Atomic(machine.origin)
    self.shifts = Atomic(machine.shift << 8 | machine.cellShift)
  }

  /// The TAT and the settings that belong to it; `nil` while the settings are being written.
  @inline(__always)
  func snapshot() -> Snapshot? {
    let generation = self.generation.load(ordering: .acquiring)
    let word = self.word.load(ordering: .acquiring)
    let shifts = self.shifts.load(ordering: .acquiring)
    let machine = RateLimiterMachine(
      multiplier: self.multiplier.load(ordering: .acquiring),
      shift: shifts &>> 8,
      cellShift: shifts & 0xFF,
      capacity: self.capacity.load(ordering: .acquiring),
      anchor: self.anchor.load(ordering: .acquiring),
      origin: self.origin.load(ordering: .acquiring)
    )
    guard generation & 1 == 0, self.generation.load(ordering: .relaxed) == generation else { return nil }
    return Snapshot(machine: machine, word: word)
  }

  /// Whether nobody but the lock's owner may change the TAT now.
  var isHeld: Bool { self.word.load(ordering: .relaxed) < 0 }

  /// Units that callers wait for: what a newcomer's wait comes on top of.
  var queuedUnits: Int64 { self.queued.load(ordering: .relaxed) }

  /// The longest that anybody may wait, in nanoseconds; -1 if nobody may.
  var longestWait: Int64 { self.longest.load(ordering: .relaxed) }

  /// Makes this the TAT if it still is what the snapshot says, and nobody holds it.
  @inline(__always)
  func advance(_ snapshot: Snapshot, to tat: Int64) -> Bool {
    !snapshot.isHeld
      && self.word.compareExchange(
        expected: snapshot.word,
        desired: tat,
        ordering: .acquiringAndReleasing
      ).exchanged
  }

  // MARK: - With the limiter's lock

  /// Keeps all others from changing the TAT, until ``release(tat:queued:)``.
  ///
  /// - Returns: The TAT.
  func hold() -> Int64 {
    self.word.bitwiseOr(.min, ordering: .acquiringAndReleasing).newValue & .max
  }

  /// Sets the TAT that is held, and lets the others at it again unless somebody waits.
  func release(tat: Int64, queued: Int64) {
    self.queued.store(queued, ordering: .relaxed)
    self.word.store(queued > 0 ? tat | .min : tat, ordering: .releasing)
  }

  /// Replaces the settings and the TAT, while it is held.
  func replace(by machine: RateLimiterMachine, longestWait: Int64, tat: Int64) {
    self.longest.store(longestWait, ordering: .relaxed)
    self.generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
    self.multiplier.store(machine.multiplier, ordering: .releasing)
    self.capacity.store(machine.capacity, ordering: .releasing)
    self.anchor.store(machine.anchor, ordering: .releasing)
    self.origin.store(machine.origin, ordering: .releasing)
    self.shifts.store(machine.shift << 8 | machine.cellShift, ordering: .releasing)
    self.word.store(tat | .min, ordering: .releasing)
    self.generation.wrappingAdd(1, ordering: .releasing)
  }
}
