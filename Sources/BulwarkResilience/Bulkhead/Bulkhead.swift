/// Bounds how many operations run at once, so that one slow dependency or one greedy caller does not take everything.
///
/// Who finds no permit waits in a bounded queue, or is refused at once. Operations may differ in weight, and callers in
/// priority. Safe to use from any thread; neither locks nor allocates while permits are free.
///
/// ```swift
/// let proposals = try Bulkhead(name: "proposals", options: BulkheadOptions(maximumConcurrent: 16, queueLimit: 64))
/// let verdict = try await proposals.run(priority: .high, deadline: roundEnd) {
///   try await verify(proposal)
/// }
/// ```
public final class Bulkhead: Sendable {
  /// The name that its rejections and events carry.
  public let name: String
  /// Tells of each rejection and reconfiguration.
  public let events: PolicyEvents

  /// What it measures time with.
  package let clock: PolicyClock
  let core: BulkheadCore
  private let anchors: InlineArray<4, BulkheadPermit.Anchor>

  /// A bulkhead whose permits are all free.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range.
  public init(
    name: String,
    options: BulkheadOptions = BulkheadOptions(),
    clock: PolicyClock = .system
  ) throws(InvalidOption) {
    try options.validate()
    let core = BulkheadCore(options, clock: clock)
    self.name = name
    self.events = PolicyEvents()
    self.clock = clock
    self.core = core
    self.anchors = InlineArray { _ in BulkheadPermit.Anchor(core) }
  }

  // MARK: - Operations

  /// Runs an operation with a permit, which is given back however the operation ends.
  ///
  /// - Parameters:
  ///   - weight: How many permits it takes; less than one counts as one.
  ///   - priority: Its rank in the queue, if it has to wait.
  ///   - deadline: Until when it may wait. The operation itself is not bounded by it.
  /// - Throws: ``PolicyError/rejected(_:)`` at once if the deadline has passed, the bulkhead is closed, the weight is
  ///   more than it has permits, or no permit and no place in the queue is free; or later, if the wait ends without a
  ///   permit. ``PolicyError/cancelled`` if the task is cancelled while it waits. ``PolicyError/operation(_:)`` with
  ///   what the operation threw.
  @inlinable
  public func run<Value, Failure: Error>(
    weight: Int = 1,
    priority: BulkheadPriority = .normal,
    deadline: PolicyClock.Instant? = nil,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    switch await self.acquire(weight: weight, priority, deadline: deadline?.nanoseconds) {
    case .admitted: break
    case .refused(let refusal): throw .rejected(refusal.rejection(by: self.name, kind: .bulkhead))
    case .cancelled: throw .cancelled
    }
    defer { self.release(weight: weight) }
    do {
      return try await operation()
    } catch {
      throw .operation(error)
    }
  }

  /// A permit, as soon as there is one.
  ///
  /// - Parameters:
  ///   - weight: How many permits it takes; less than one counts as one.
  ///   - priority: Its rank in the queue, if it has to wait.
  ///   - deadline: Until when it may wait.
  /// - Throws: As ``run(weight:priority:deadline:_:)`` does.
  public func acquire(
    weight: Int = 1,
    priority: BulkheadPriority = .normal,
    until deadline: PolicyClock.Instant? = nil
  ) async throws(PolicyError<Never>) -> BulkheadPermit {
    switch await self.acquire(weight: weight, priority, deadline: deadline?.nanoseconds) {
    case .admitted: return self.permit(weight)
    case .refused(let refusal): throw .rejected(refusal.rejection(by: self.name, kind: .bulkhead))
    case .cancelled: throw .cancelled
    }
  }

  /// A permit, if there is one at this moment and nobody waits for it.
  ///
  /// - Parameter weight: How many permits it takes; less than one counts as one.
  /// - Returns: `nil` if there is none, which counts as a refusal.
  public func tryAcquire(weight: Int = 1) -> BulkheadPermit? {
    guard self.take(weight: weight) == nil else { return nil }
    return self.permit(weight)
  }

  private func permit(_ weight: Int) -> BulkheadPermit {
    BulkheadPermit(weight: max(weight, 1), anchor: self.anchors[Stripe.current & 3])
  }

  // MARK: - Operation and observation

  /// The options in force.
  public var options: BulkheadOptions { self.core.options }

  /// Replaces the options. Waiters stay, also those above a lower queue limit; only those whose weight is now more
  /// than all permits are refused. Permits in use stay so: with fewer permits than are in use, releases are kept until
  /// the new maximum holds.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range; the old ones then stay in force.
  public func reconfigure(_ options: BulkheadOptions) throws(InvalidOption) {
    try options.validate()
    self.core.reconfigure(options)
    self.events.emit(self.event(.reconfigured))
  }

  /// Refuses everyone who waits, and everyone who comes, with ``Rejection/Reason/closed``. What runs may end, and
  /// gives its permits back.
  public func close() {
    self.core.close()
  }

  /// What it did and does: exact, as of one instant.
  public var stats: BulkheadStats { self.core.stats }

  // MARK: - For policies that are built from this one

  /// Takes permits now, or says why not, and tells the listeners of a refusal. Who gets them owes one
  /// ``release(weight:)`` of the same weight. Neither locks nor allocates while permits are free, or none is.
  @usableFromInline
  package func take(weight: Int) -> Refusal? {
    let weight = max(weight, 1)
    if self.core.takeFromPool(weight) { return nil }
    guard let refusal = self.core.take(weight) else { return nil }
    return self.tell(refusal)
  }

  /// Takes permits without a lock. Who gets them owes one ``release(weight:)`` of the same weight; what `false` means, only
  /// the others tell.
  @usableFromInline
  package func takeIfFree(weight: Int) -> Bool {
    self.core.takeFromPool(max(weight, 1))
  }

  /// Refuses a caller who would wait, without a lock, if no permit is free and nobody may wait; `nil` says nothing.
  func refuseIfHopeless(weight: Int) -> Refusal? {
    self.core.refuseWaiting(max(weight, 1)).map { self.tell($0) }
  }

  /// Takes permits, after a wait if need be. Who gets them owes one ``release(weight:)`` of the same weight.
  @usableFromInline
  package func acquire(weight: Int, _ priority: BulkheadPriority, deadline: Int64?) async -> BulkheadAnswer {
    switch self.reserve(weight: weight, priority: priority, deadline: deadline) {
    case .admitted: return .admitted
    case .refused(let refusal): return .refused(refusal)
    case .queued(let place): return await place.wait()
    }
  }

  /// Takes permits, or a place in the queue, or refuses, at once: so the order and the bound of the queue are decided
  /// here, and what comes of a place may be waited for later. Neither locks nor allocates while permits are free.
  ///
  /// - Parameters:
  ///   - weight: How many permits it takes; less than one counts as one.
  ///   - priority: The rank in the queue.
  ///   - deadline: When the place is lost, in nanoseconds of the bulkhead's ``clock``.
  package func reserve(
    weight: Int = 1,
    priority: BulkheadPriority = .normal,
    deadline: Int64? = nil
  ) -> BulkheadReservation {
    let weight = max(weight, 1)
    if let deadline, deadline <= self.clock.nanoseconds {
      return .refused(self.tell(self.core.refuse(.deadline)))
    }
    if self.core.takeFromPool(weight) { return .admitted }
    switch self.core.reserve(weight, priority, deadline: deadline) {
    case .admitted: return .admitted
    case .refused(let refusal): return .refused(self.tell(refusal))
    case .waits(let entry): return .queued(BulkheadPlace(in: self, entry))
    }
  }

  /// Gives permits back, once for each time they were taken.
  @usableFromInline
  package func release(weight: Int) {
    self.core.release(max(weight, 1))
  }

  @discardableResult
  func tell(_ refusal: Refusal) -> Refusal {
    self.events.emit(self.event(.rejected(refusal.reason, retryAfter: nil)))
    return refusal
  }

  private func event(_ occurrence: PolicyEvent.Occurrence) -> PolicyEvent {
    PolicyEvent(kind: .bulkhead, policy: self.name, instant: self.clock.now, occurrence: occurrence)
  }
}
