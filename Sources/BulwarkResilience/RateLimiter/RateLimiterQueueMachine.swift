/// Those who wait for a ``RateLimiter``'s permits, in the order in which they came.
///
/// Nobody holds cells before his turn: the queue only knows how many are asked for before whom, and so who is due when.
/// Whoever leaves early takes nothing along, and those behind him move up. Whoever is served takes his cells at that
/// instant, so that a late timer lets no burst through; if that makes it too late for one behind him by more than a
/// timer may be late, that one is told at once. Whoever's own last instant has passed takes nothing and is told so.
struct RateLimiterQueueMachine<Caller: Sendable>: Sendable {
  private struct Waiter: Sendable {
    var id: UInt64
    var cells: Int64
    /// The last instant at which it still wants them.
    var latest: Int64
    /// `nil` once it has left.
    var caller: Caller?
  }

  /// By ascending ID; everything before `head` is gone.
  private var waiters: [Waiter] = []
  private var head = 0
  /// Units by which late timers have put off those who wait, since somebody last looked whom that makes too late.
  private var putOff: Int64 = 0
  private var lastID: UInt64 = 0

  /// How many wait.
  private(set) var count = 0
  /// What they wait for.
  private(set) var cells: Int64 = 0

  /// How many places the list takes up, gaps included.
  var footprint: Int { self.waiters.count }

  /// Adds a caller at the end.
  mutating func join(_ caller: Caller, cells: Int64, until latest: Int64) -> UInt64 {
    self.lastID &+= 1
    self.waiters.append(Waiter(id: self.lastID, cells: cells, latest: latest, caller: caller))
    self.count += 1
    self.cells = self.cells.saturatingAdding(cells)
    return self.lastID
  }

  /// Takes a caller out before its turn.
  ///
  /// - Returns: The caller; `nil` if it was served, or left, before.
  mutating func leave(_ id: UInt64) -> Caller? {
    var low = self.head
    var high = self.waiters.count
    while low < high {
      let middle = low + (high - low) / 2
      if self.waiters[middle].id < id { low = middle + 1 } else { high = middle }
    }
    guard low < self.waiters.count, self.waiters[low].id == id else { return nil }
    defer { self.closeGaps() }
    return self.vacate(low)
  }

  /// What becomes of the queue when time has passed, or the bucket or the settings have changed.
  struct OnAdvance {
    /// Those whose turn it was, in order.
    var served: [Caller] = []
    /// Those who cannot be served in time any more, or at all.
    var refused: [(caller: Caller, Refusal)] = []
    /// The TAT afterwards.
    var tat: Int64
    /// When it will be the next one's turn; `nil` if nobody is left.
    var nextDue: Int64?
  }

  /// Serves everybody whose turn it is.
  ///
  /// - Parameter hasChanged: Whether it may have become later for those who wait, other than by time passing.
  mutating func advance(
    _ machine: RateLimiterMachine,
    tat: Int64,
    hasChanged: Bool,
    at now: Int64
  ) -> OnAdvance {
    var action = OnAdvance(tat: tat)
    self.serveDue(machine, &action, at: now)
    var isLater = hasChanged || self.isPutOffTooLong(machine)
    // Whoever is dismissed makes room: it may now be the turn of one behind him.
    while isLater {
      self.putOff = 0
      guard self.dismissLate(machine, &action, at: now) else { break }
      self.serveDue(machine, &action, at: now)
      isLater = self.putOff > 0
    }
    self.closeGaps()
    if self.count > 0 {
      action.nextDue = machine.due(self.waiters[self.head].cells, tat: action.tat)
    }
    return action
  }

  /// How late a grant may come after the last instant at which it was wanted, in nanoseconds: a timer that is set for
  /// just that instant always fires a little after it. Whoever would be served later than this is refused instead.
  static var timerTolerance: Int64 { 1_000_000 }

  /// Whether those who are left are so much later that some would be refused at their turn. To look whom this concerns
  /// takes as long as the queue is, and every timer is a little late.
  private func isPutOffTooLong(_ machine: RateLimiterMachine) -> Bool {
    self.putOff > machine.position(at: machine.anchor.saturatingAdding(Self.timerTolerance)) - machine.origin
  }

  /// Serves whose turn it is, and notes by how much longer those who are left have to wait because this came late.
  private mutating func serveDue(_ machine: RateLimiterMachine, _ action: inout OnAdvance, at now: Int64) {
    while self.count > 0 {
      let cells = self.waiters[self.head].cells
      if now > self.waiters[self.head].latest.saturatingAdding(Self.timerTolerance) {
        let due = machine.due(cells, tat: action.tat)
        let refusal = Refusal(.deadline, retryAfter: max(due.saturatingSubtracting(now), 0))
        if let caller = self.vacate(self.head) { action.refused.append((caller, refusal)) }
        continue
      }
      guard case .admit(let next) = machine.take(cells, tat: action.tat, at: now) else { break }
      self.putOff = self.putOff.saturatingAdding(max(next - action.tat - machine.units(cells), 0))
      action.tat = next
      if let caller = self.vacate(self.head) { action.served.append(caller) }
    }
    if self.count == 0 { self.putOff = 0 }
  }

  /// - Returns: Whether anybody was.
  private mutating func dismissLate(
    _ machine: RateLimiterMachine,
    _ action: inout OnAdvance,
    at now: Int64
  ) -> Bool {
    let before = self.count
    var ahead: Int64 = 0
    for index in self.head..<self.waiters.count where self.waiters[index].caller != nil {
      let waiter = self.waiters[index]
      var refusal: Refusal?
      if waiter.cells > machine.burst {
        refusal = Refusal(.exceedsCapacity)
      } else {
        let due = machine.due(waiter.cells, tat: action.tat, queued: ahead)
        if due > waiter.latest {
          refusal = Refusal(.deadline, retryAfter: max(due.saturatingSubtracting(now), 0))
        }
      }
      if let refusal {
        if let caller = self.vacate(index) { action.refused.append((caller, refusal)) }
      } else {
        ahead = min(ahead + machine.units(waiter.cells), 1 << 60)
      }
    }
    return self.count < before
  }

  /// Takes the caller out and leaves a gap, so that no index changes.
  private mutating func vacate(_ index: Int) -> Caller? {
    guard let caller = self.waiters[index].caller else { return nil }
    self.waiters[index].caller = nil
    self.count -= 1
    self.cells -= self.waiters[index].cells
    while self.head < self.waiters.count, self.waiters[self.head].caller == nil { self.head += 1 }
    return caller
  }

  /// Drops the gaps once they are more than half of the list, so that each one that was made pays for two steps of this.
  private mutating func closeGaps() {
    guard self.waiters.count > 2 * self.count + 16 else { return }
    self.waiters.removeAll { $0.caller == nil }
    self.head = 0
  }
}
