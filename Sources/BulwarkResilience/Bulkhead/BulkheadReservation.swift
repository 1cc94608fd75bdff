import Synchronization

/// What a bulkhead says at once to a caller who is ready to wait.
package enum BulkheadReservation: Sendable {
  /// The permits are the caller's, who owes one ``Bulkhead/release(weight:)`` of the same weight.
  case admitted
  /// Neither permits nor a place. The listeners have been told.
  case refused(Refusal)
  /// A place in the queue, whose turn may even have come: what becomes of it is waited for later.
  case queued(BulkheadPlace)
}

/// A caller's place in a bulkhead's queue, from when it was given until somebody has waited for what comes of it.
///
/// A place that nobody waits for is given back as it is let go of, and so are permits that it has got by then. So it may
/// be handed from thread to thread, and dropped on any way out.
package final class BulkheadPlace: Sendable {
  private let bulkhead: Bulkhead
  private let entry: BulkheadCore.Entry
  /// Whether somebody answers for it: who waits, or who has given it back.
  private let isClaimed = Atomic(false)

  init(in bulkhead: Bulkhead, _ entry: BulkheadCore.Entry) {
    self.bulkhead = bulkhead
    self.entry = entry
  }

  deinit {
    self.giveUp()
  }

  /// Waits for the permits: until they are granted, or refused, as at the deadline, or the task is cancelled.
  ///
  /// - Returns: `.admitted` once, to who then owes one ``Bulkhead/release(weight:)``. `.cancelled` to who waits a second
  ///   time, or after ``withdraw()``.
  package func wait() async -> BulkheadAnswer {
    guard self.claim() else { return .cancelled }
    let answer = await self.bulkhead.core.wait(for: self.entry)
    if case .refused(let refusal) = answer { self.bulkhead.tell(refusal) }
    return answer
  }

  /// Gives the place back, and what it has got. Who waits for it already hears that it is cancelled, unless the permits
  /// were granted before.
  package func withdraw() {
    if !self.giveUp() { self.bulkhead.core.leave(self.entry) }
  }

  /// - Returns: Whether nobody had claimed it before.
  private func claim() -> Bool {
    !self.isClaimed.exchange(true, ordering: .acquiringAndReleasing)
  }

  @discardableResult
  private func giveUp() -> Bool {
    guard self.claim() else { return false }
    if let refusal = self.bulkhead.core.giveUp(self.entry) { self.bulkhead.tell(refusal) }
    return true
  }
}
