/// Decides who gets the permits of a bulkhead, and who waits, in what order.
///
/// ```
///            a permit is free, nobody waits
///   caller -----------------------------------> admitted --> released
///     |  \                                         ^
///     |   \ no permit free                         | its turn, and enough permits free
///     |    '-----------> waiting ------------------'
///     |                     |  \
///     | queue full,         |   '--> cancelled    (its task was)
///     | too heavy, too late |
///     '--> refused <--------'  shed, deadline passed, closed
/// ```
///
/// The next waiter is that of the priority whose turn it is (``BulkheadTurns``), and within it the oldest, or under
/// overload the newest. It blocks all others until its whole weight is free: who passed it by with a smaller weight
/// would starve the big ones.
///
/// The shell keeps permits that nobody waits for outside, where they are taken without a lock. It brings them back
/// with ``deposit(_:)`` before any other input, and takes them out with ``takeSurplus()`` after it.
struct BulkheadMachine<Waiter: Sendable>: Sendable {
  typealias ID = BulkheadQueue<Waiter>.ID

  /// What has become of a waiter: told to it exactly once.
  struct Settled {
    let waiter: Waiter
    let answer: BulkheadAnswer
  }

  /// What a caller gets who is ready to wait.
  enum OnAcquire {
    /// Its permits.
    case admitted
    /// Neither permits nor a place.
    case refused(Refusal)
    /// A place in the queue; it leaves at `limit`.
    case waits(ID, limit: Int64?)
  }

  private(set) var options: BulkheadOptions
  private var queue = BulkheadQueue<Waiter>()
  private var turns: BulkheadTurns
  private var codel: CoDelMachine?
  /// Permits that are here and not in use; below zero, how many must be released before one is free again.
  private var free: Int
  private var isClosed = false
  private var admitted = 0
  private var refused = BulkheadStats.Refused()
  private var cancelled = 0

  /// A bulkhead with validated options and all its permits.
  init(_ options: BulkheadOptions) {
    self.options = options
    self.turns = BulkheadTurns(bound: options.starvationBound)
    self.codel = Self.codel(of: options)
    self.free = options.maximumConcurrent
  }

  private static func codel(of options: BulkheadOptions) -> CoDelMachine? {
    switch options.discipline {
    case .fifo: nil
    case .adaptiveLIFO(let codel): CoDelMachine(codel)
    }
  }

  var stats: BulkheadStats {
    BulkheadStats(
      inUse: self.options.maximumConcurrent - self.free,
      maximum: self.options.maximumConcurrent,
      waiting: self.queue.count,
      queueLimit: self.options.queueLimit,
      admitted: self.admitted,
      refused: self.refused,
      cancelled: self.cancelled,
      isOverloaded: self.codel?.isOverloaded ?? false
    )
  }

  // MARK: - Permits outside

  /// Brings back permits that were outside, and counts what was done there without this machine.
  mutating func deposit(_ collected: PermitPool.Collected) {
    self.free += collected.permits
    self.admitted &+= collected.admitted
    self.refused.full &+= collected.refused
  }

  /// Takes out all free permits; `nil` if there is none, or somebody waits, or nobody may have one.
  mutating func takeSurplus() -> Int? {
    guard self.free > 0, self.queue.count == 0, !self.isClosed else { return nil }
    defer { self.free = 0 }
    return self.free
  }

  /// Who is certain to be refused until the next input: nobody has to ask for that.
  var refusable: PermitPool.Refusable {
    guard !self.isClosed else { return PermitPool.Refusable() }
    let maximum = self.options.maximumConcurrent
    if self.queue.count > 0 { return PermitPool.Refusable(trying: maximum) }
    guard self.free <= 0 else { return PermitPool.Refusable() }
    return PermitPool.Refusable(trying: maximum, waiting: self.options.queueLimit == 0 ? maximum : 0)
  }

  // MARK: - Callers

  /// Permits now or not at all: never before somebody who waits.
  mutating func take(_ weight: Int) -> Refusal? {
    if let reason = self.impossible(weight) { return self.refuse(reason) }
    guard self.queue.count == 0, self.free >= weight else { return self.refuse(.bulkheadFull) }
    self.admit(weight)
    return nil
  }

  /// Permits now, or a place in the queue. The newcomer itself can be among those that `settled` tells.
  mutating func acquire(
    _ weight: Int,
    _ priority: BulkheadPriority,
    deadline: Int64?,
    at now: Int64,
    as waiter: Waiter,
    settled: inout [Settled]
  ) -> OnAcquire {
    if let reason = self.impossible(weight) { return .refused(self.refuse(reason)) }
    if let deadline, deadline <= now { return .refused(self.refuse(.deadline)) }
    self.turn(at: now, &settled)
    if self.queue.count == 0, self.free >= weight {
      self.admit(weight)
      return .admitted
    }
    // Who may not wait takes nobody's place.
    guard self.options.maximumWait != .zero, self.makeRoom(for: priority, &settled) else {
      return .refused(self.refuse(.bulkheadFull))
    }
    let limit = self.options.maximumWait.map { now.saturatingAdding($0.wholeNanoseconds) }
    let entry = BulkheadQueue.Entry(
      waiter: waiter,
      weight: weight,
      priority: priority,
      since: now,
      deadline: deadline,
      limit: limit.map { min($0, deadline ?? $0) } ?? deadline
    )
    if !self.queue.isWaiting(priority) { self.turns.began(priority) }
    let id = self.queue.append(entry)
    self.serve(at: now, &settled)
    return .waits(id, limit: entry.limit)
  }

  /// Counts a refusal that the shell decided.
  mutating func refuse(_ reason: Rejection.Reason) -> Refusal {
    self.refused.count(reason)
    return Refusal(reason)
  }

  /// Takes permits back.
  mutating func release(_ weight: Int, at now: Int64, settled: inout [Settled]) {
    self.free += weight
    self.turn(at: now, &settled)
  }

  /// A waiter leaves; one that does not wait any more has been told already.
  mutating func withdraw(_ id: ID, _ why: Withdrawal, at now: Int64, settled: inout [Settled]) {
    guard let entry = self.queue.remove(id) else { return }
    switch why {
    case .cancellation:
      self.cancelled &+= 1
      settled.append(Settled(waiter: entry.waiter, answer: .cancelled))
    case .deadline:
      self.expire(entry, at: now, &settled)
    }
    // It may have blocked others who fit.
    self.turn(at: now, &settled)
  }

  // MARK: - The whole

  /// Takes new, validated options; waiters stay, but for those that never fit again.
  mutating func reconfigure(_ options: BulkheadOptions, at now: Int64, settled: inout [Settled]) {
    self.free += options.maximumConcurrent - self.options.maximumConcurrent
    if options.discipline != self.options.discipline { self.codel = Self.codel(of: options) }
    self.turns.bound = options.starvationBound
    self.options = options
    for priority in BulkheadPriority.descending {
      for (id, entry) in self.queue.all(priority) where entry.weight > options.maximumConcurrent {
        self.refuse(id, .exceedsCapacity, &settled)
      }
    }
    self.turn(at: now, &settled)
  }

  /// Refuses everyone who waits, and everyone from now on.
  mutating func close(settled: inout [Settled]) {
    self.isClosed = true
    for priority in BulkheadPriority.descending {
      for (id, _) in self.queue.all(priority) { self.refuse(id, .closed, &settled) }
    }
  }

  // MARK: - Parts

  /// Why a caller can never have so many permits, if so.
  private func impossible(_ weight: Int) -> Rejection.Reason? {
    if self.isClosed { return .closed }
    return weight > self.options.maximumConcurrent ? .exceedsCapacity : nil
  }

  private mutating func admit(_ weight: Int) {
    self.free -= weight
    self.admitted &+= 1
  }

  /// Sees to it that the queue has a place; a caller who matters more gets that of the newest who matters least.
  private mutating func makeRoom(for priority: BulkheadPriority, _ settled: inout [Settled]) -> Bool {
    if self.queue.count < self.options.queueLimit { return true }
    let lowest = BulkheadPriority.allCases.first { self.queue.isWaiting($0) }
    guard let lowest, lowest < priority, let newest = self.queue.newest(lowest) else { return false }
    self.refuse(newest.id, .shed, &settled)
    return true
  }

  private mutating func refuse(_ id: ID, _ reason: Rejection.Reason, _ settled: inout [Settled]) {
    guard let entry = self.queue.remove(id) else { return }
    settled.append(Settled(waiter: entry.waiter, answer: .refused(self.refuse(reason))))
  }

  private mutating func expire(
    _ entry: BulkheadQueue<Waiter>.Entry,
    at now: Int64,
    _ settled: inout [Settled]
  ) {
    // Without a deadline of the caller's, or before it, it was our own limit that ended the wait.
    let isOwnLimit = entry.deadline.map { $0 > entry.limit ?? .max } ?? true
    let refusal = self.refuse(isOwnLimit ? .bulkheadFull : .deadline)
    settled.append(Settled(waiter: entry.waiter, answer: .refused(refusal)))
  }

  /// What every input ends with: judge the queue, shed, serve.
  private mutating func turn(at now: Int64, _ settled: inout [Settled]) {
    let oldest = self.queue.oldestSince.map { max(now.saturatingSubtracting($0), 0) }
    self.codel?.advance(to: now, oldest: oldest)
    self.shedStale(at: now, &settled)
    self.serve(at: now, &settled)
  }

  private mutating func shedStale(at now: Int64, _ settled: inout [Settled]) {
    guard let codel, codel.isOverloaded else { return }
    for priority in BulkheadPriority.allCases {
      while let (id, entry) = self.queue.oldest(priority),
        now.saturatingSubtracting(entry.since) > codel.bound
      {
        self.refuse(id, .shed, &settled)
      }
    }
  }

  /// Gives out permits while the next waiter fits.
  private mutating func serve(at now: Int64, _ settled: inout [Settled]) {
    while self.free > 0, let (id, entry) = self.next() {
      if let limit = entry.limit, limit <= now {
        // Its timer is late: it gets no permit for a time that is over.
        _ = self.queue.remove(id)
        self.expire(entry, at: now, &settled)
        continue
      }
      guard entry.weight <= self.free else { break }
      self.codel?.sample(max(now.saturatingSubtracting(self.queue.oldestSince ?? now), 0))
      _ = self.queue.remove(id)
      self.turns.granted(entry.priority)
      self.admit(entry.weight)
      settled.append(Settled(waiter: entry.waiter, answer: .admitted))
    }
    // Whoever leaves the queue empty, or finds it so, is the proof that it does not stand.
    if self.queue.count == 0 { self.codel?.sample(0) }
  }

  private func next() -> (id: ID, entry: BulkheadQueue<Waiter>.Entry)? {
    guard let priority = self.turns.next(isWaiting: self.queue.isWaiting) else { return nil }
    return self.codel?.isOverloaded == true ? self.queue.newest(priority) : self.queue.oldest(priority)
  }
}
