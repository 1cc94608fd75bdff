import Synchronization

/// What a bulkhead answers to a caller, once.
@usableFromInline
package enum BulkheadAnswer: Hashable, Sendable {
  /// The permits are the caller's, who releases them once.
  case admitted
  /// No permits.
  case refused(Refusal)
  /// No permits: the caller's task was cancelled while it waited.
  case cancelled
}

/// The part of a bulkhead that permits keep alive: the pool that needs no lock, and the machine behind it that has one.
final class BulkheadCore: Sendable {
  typealias Machine = BulkheadMachine<Waiter>

  /// One who waits, as the machine keeps it.
  struct Waiter: Sendable {
    let promise: Promise<BulkheadAnswer>
    let weight: Int
  }

  /// A place in the queue.
  struct Entry: Sendable {
    let id: Machine.ID
    let waiter: Waiter
    /// When it leaves the queue unserved.
    let limit: Int64?
  }

  /// What a caller gets who is ready to wait.
  enum OnReserve {
    case admitted
    case refused(Refusal)
    case waits(Entry)
  }

  private struct State {
    var machine: Machine
    /// Whether the free permits are in the pool.
    var isPoolOpen = false
    /// Whom the pool was told to refuse.
    var announced = PermitPool.Refusable()
  }

  private let clock: PolicyClock
  private let pool: PermitPool
  private let state: Mutex<State>

  init(_ options: BulkheadOptions, clock: PolicyClock) {
    self.clock = clock
    self.pool = PermitPool()
    self.state = Mutex(State(machine: Machine(options)))
    self.modify { _, _ in }
  }

  /// Takes permits without the lock; false says nothing.
  @inline(__always)
  func takeFromPool(_ weight: Int) -> Bool {
    self.pool.take(weight)
  }

  /// Gives permits back.
  @inline(__always)
  func release(_ weight: Int) {
    if !self.pool.give(weight) { self.releaseToMachine(weight) }
  }

  @inline(never)
  private func releaseToMachine(_ weight: Int) {
    let now = self.clock.nanoseconds
    self.modify { machine, settled in machine.release(weight, at: now, settled: &settled) }
  }

  /// Takes permits now or not at all, and is exact about it.
  func take(_ weight: Int) -> Refusal? {
    if self.pool.refuseTrying(weight) { return Refusal(.bulkheadFull) }
    return self.modify { machine, _ in machine.take(weight) }
  }

  /// Counts a refusal that was decided without the machine.
  func refuse(_ reason: Rejection.Reason) -> Refusal {
    self.modify { machine, _ in machine.refuse(reason) }
  }

  // MARK: - Those who wait

  /// Refuses a caller who would wait, without the lock, if it is certain that this is of no use.
  func refuseWaiting(_ weight: Int) -> Refusal? {
    self.pool.refuseWaiting(weight) ? Refusal(.bulkheadFull) : nil
  }

  /// Takes permits, or a place in the queue if there is one.
  func reserve(_ weight: Int, _ priority: BulkheadPriority, deadline: Int64?) -> OnReserve {
    if let refusal = self.refuseWaiting(weight) { return .refused(refusal) }
    let waiter = Waiter(promise: Promise(), weight: weight)
    let now = self.clock.nanoseconds
    let action = self.modify { machine, settled in
      machine.acquire(weight, priority, deadline: deadline, at: now, as: waiter, settled: &settled)
    }
    switch action {
    case .admitted: return .admitted
    case .refused(let refusal): return .refused(refusal)
    case .waits(let id, let limit): return .waits(Entry(id: id, waiter: waiter, limit: limit))
    }
  }

  /// Waits for what becomes of a place, once.
  func wait(for entry: Entry) async -> BulkheadAnswer {
    await entry.waiter.promise.wait(until: entry.limit, on: self.clock) { self.leave(entry, $0) }
  }

  /// Takes a place out of the queue, and tells it; nothing happens if it has been told before.
  func leave(_ entry: Entry, _ why: Withdrawal = .cancellation) {
    let now = self.clock.nanoseconds
    self.modify { machine, settled in machine.withdraw(entry.id, why, at: now, settled: &settled) }
  }

  /// Gives back a place that nobody waits for and nobody will, or the permits that it was granted.
  ///
  /// - Returns: The refusal that it had met with by then.
  func giveUp(_ entry: Entry) -> Refusal? {
    // From here on a grant that is on its way is not accepted any more, and its giver takes it back.
    if entry.waiter.promise.answer(.cancelled) {
      self.leave(entry)
      return nil
    }
    switch entry.waiter.promise.take() {
    case .admitted: self.release(entry.waiter.weight)
    case .refused(let refusal): return refusal
    case .cancelled, nil: break
    }
    return nil
  }

  // MARK: - The whole

  var options: BulkheadOptions { self.state.withLock { $0.machine.options } }

  var stats: BulkheadStats {
    self.modify { machine, _ in
      // A pool that was closed already may have counted refusals.
      machine.deposit(self.pool.close())
      return machine.stats
    }
  }

  func reconfigure(_ options: BulkheadOptions) {
    let now = self.clock.nanoseconds
    self.modify { machine, settled in machine.reconfigure(options, at: now, settled: &settled) }
  }

  func close() {
    self.modify { machine, settled in machine.close(settled: &settled) }
  }

  /// The one door to the machine: it has all free permits while it decides, and waiters are told after the lock.
  private func modify<Result: Sendable>(_ body: (inout Machine, inout [Machine.Settled]) -> Result) -> Result
  {
    let (result, settled) = self.state.withLock { state in
      if state.isPoolOpen { state.machine.deposit(self.pool.close()) }
      var settled: [Machine.Settled] = []
      let result = body(&state.machine, &settled)
      let surplus = state.machine.takeSurplus()
      self.announce(surplus == nil ? state.machine.refusable : PermitPool.Refusable(), in: &state)
      if let surplus { state.machine.deposit(PermitPool.Collected(refused: self.pool.open(surplus))) }
      state.isPoolOpen = surplus != nil
      return (result, settled)
    }
    for one in settled where !one.waiter.promise.answer(one.answer) && one.answer == .admitted {
      // It was given up in the meantime.
      self.release(one.waiter.weight)
    }
    return result
  }

  private func announce(_ refusable: PermitPool.Refusable, in state: inout State) {
    guard refusable != state.announced else { return }
    state.announced = refusable
    self.pool.announce(refusable)
  }
}
