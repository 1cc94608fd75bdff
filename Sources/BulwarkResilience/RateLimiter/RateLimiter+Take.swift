import Synchronization

// What the stack and the other policies call: nanoseconds and refusals as plain values, no name and no error made.
extension RateLimiter {
  /// Takes cells, or says why not, and counts which. Fewer than one cost nothing. The listeners are not told of a refusal
  /// unless ``announce(_:at:)`` does it.
  ///
  /// Neither locks nor allocates where nobody waits.
  ///
  /// - Parameter now: The present on the limiter's ``clock``, in nanoseconds.
  @inline(__always)
  package func take(_ cells: Int64, at now: Int64) -> Refusal? {
    let thread = Stripe.thread
    let stripe = Stripe.index(of: thread) & 3
    if self.stripes[stripe].spend(cells, sinceEpoch: now.saturatingSubtracting(self.epoch)) {
      self.stripes[stripe].countAdmitted(by: thread)
      return nil
    }
    return self.takeShared(cells, at: now, stripe: stripe, thread: thread)
  }

  /// Takes cells if they are there now. If not, nothing has happened: no refusal is counted.
  @inline(__always)
  package func takeIfFree(_ cells: Int64, at now: Int64) -> Bool {
    let thread = Stripe.thread
    let stripe = Stripe.index(of: thread) & 3
    let isFree =
      self.stripes[stripe].spend(cells, sinceEpoch: now.saturatingSubtracting(self.epoch))
      || self.attempt(cells, at: now, stripe: stripe) == nil
    if isFree { self.stripes[stripe].countAdmitted(by: thread) }
    return isFree
  }

  /// What a caller who is ready to wait gets at once.
  enum OnRequest {
    case granted
    /// Counted, and told to the listeners.
    case refused(Refusal)
    /// Nothing has happened: there may be a place in the queue.
    case mayWait
  }

  /// Takes cells, or refuses whom no wait would help. Neither locks nor allocates where nobody waits.
  ///
  /// - Parameter latest: The last instant that the caller would wait until.
  @inline(__always)
  func request(_ cells: Int64, until latest: Int64, at now: Int64) -> OnRequest {
    let thread = Stripe.thread
    let stripe = Stripe.index(of: thread) & 3
    if self.stripes[stripe].spend(cells, sinceEpoch: now.saturatingSubtracting(self.epoch)) {
      self.stripes[stripe].countAdmitted(by: thread)
      return .granted
    }
    return self.requestShared(cells, until: latest, at: now, stripe: stripe, thread: thread)
  }

  @inline(never)
  private func requestShared(
    _ cells: Int64,
    until latest: Int64,
    at now: Int64,
    stripe: Int,
    thread: UInt
  ) -> OnRequest {
    guard let refusal = self.attempt(cells, at: now, stripe: stripe) else {
      self.stripes[stripe].countAdmitted(by: thread)
      return .granted
    }
    guard let final = self.finalRefusal(refusal, until: latest, at: now) else { return .mayWait }
    self.stripes[stripe].countRefused()
    self.announce(final, at: now)
    return .refused(final)
  }

  /// The refusal as the caller gets it if waiting is out of the question; `nil` if there may be a place in the queue.
  private func finalRefusal(_ refusal: Refusal, until latest: Int64, at now: Int64) -> Refusal? {
    guard refusal.reason == .rateLimited, refusal.retryAfter <= self.state.longestWait else { return refusal }
    guard now.saturatingAdding(refusal.retryAfter) <= latest else {
      return Refusal(.deadline, retryAfter: refusal.retryAfter)
    }
    return nil
  }

  /// Gives back cells that were taken at the instant `taken`, because another policy refused: as many of them as have
  /// not drained since. If the clock went back between the two, up to `cells` more than else may pass.
  package func refund(_ cells: Int64, taken: Int64, at now: Int64) {
    self.stripes[Stripe.current & 3].discountAdmitted()
    self.giveBack(cells, taken: taken, at: now)
  }

  @inline(never)
  private func giveBack(_ cells: Int64, taken: Int64, at now: Int64) {
    while true {
      let snapshot = self.snapshot()
      if snapshot.isHeld { break }
      let tat = snapshot.machine.refund(cells, taken: taken, tat: snapshot.tat, at: now)
      if tat == snapshot.tat || self.state.advance(snapshot, to: tat) { return }
    }
    self.modify(at: now) { queue, tat in
      tat = queue.machine.refund(cells, taken: taken, tat: tat, at: now)
      return false
    }
  }

  /// Nanoseconds until so many cells would pass, 0 for now; -1 if they never do.
  func wait(for cells: Int64, at now: Int64) -> Int64 {
    let snapshot = self.snapshot()
    switch snapshot.machine.take(cells, tat: snapshot.tat, queued: self.state.queuedUnits, at: now) {
    case .admit: return 0
    case .refuse(let refusal): return refusal.retryAfter
    }
  }

  @inline(never)
  private func takeShared(_ cells: Int64, at now: Int64, stripe: Int, thread: UInt) -> Refusal? {
    let refusal = self.attempt(cells, at: now, stripe: stripe)
    if refusal == nil {
      self.stripes[stripe].countAdmitted(by: thread)
    } else {
      self.stripes[stripe].countRefused()
    }
    return refusal
  }

  /// Takes cells from the shared word, without counting it.
  @inline(__always)
  func attempt(_ cells: Int64, at now: Int64, stripe: Int) -> Refusal? {
    let sinceEpoch = now.saturatingSubtracting(self.epoch)
    if let rest = self.stripes[stripe].takeRest(sinceEpoch: sinceEpoch) {
      // The lease was taken then, or later.
      let taken = self.epoch.saturatingAdding(rest.expiry) - RateLimiterMachine.longestLease.nanoseconds
      self.giveBack(rest.cells, taken: taken, at: now)
    }
    var wantsLease = self.stripes[stripe].wantsLease(sinceEpoch: sinceEpoch)
    while true {
      let snapshot = self.snapshot()
      // A word that is held cannot be exchanged, however often one tries.
      if wantsLease, !snapshot.isHeld, let lease = snapshot.machine.lease(cells, tat: snapshot.tat, at: now) {
        if self.state.advance(snapshot, to: lease.tat) {
          self.stripes[stripe].put(lease.cells &- cells, untilSinceEpoch: lease.expiry &- self.epoch)
          return nil
        }
        continue
      }
      switch snapshot.machine.take(cells, tat: snapshot.tat, at: now) {
      case .admit(let tat):
        if snapshot.isHeld { return self.attemptHeld(cells, at: now) }
        if self.state.advance(snapshot, to: tat) { return nil }
        // Whoever holds the word for a moment is no crowd, and no lease makes him faster.
        guard !self.state.isHeld else { continue }
        self.stripes[stripe].noteContention()
        wantsLease = true
      case .refuse(var refusal):
        if snapshot.isHeld, refusal.retryAfter >= 0 {
          let due = snapshot.machine.due(cells, tat: snapshot.tat, queued: self.state.queuedUnits)
          refusal.retryAfter = max(due.saturatingSubtracting(now), 1)
        }
        return refusal
      }
    }
  }

  /// The same when somebody waits whose turn may have come, or holds the word for a moment.
  @inline(never)
  private func attemptHeld(_ cells: Int64, at now: Int64) -> Refusal? {
    var refusal: Refusal?
    self.modify(at: now) { queue, tat in
      refusal = queue.take(cells, tat: &tat, at: now)
      return false
    }
    return refusal
  }

  @inline(__always)
  func snapshot() -> RateLimiterState.Snapshot {
    self.state.snapshot() ?? self.snapshotAfterChange()
  }

  /// Waits for whoever is writing the settings, by means of the lock that he holds.
  @inline(never)
  private func snapshotAfterChange() -> RateLimiterState.Snapshot {
    while true {
      self.queue.withLock { _ in }
      if let snapshot = self.state.snapshot() { return snapshot }
    }
  }
}
