import Synchronization

extension RateLimiter {
  /// What the lock guards: those who wait, and the settings as they were last set.
  struct Queue {
    var options: RateLimiterOptions
    var machine: RateLimiterMachine
    var callers = RateLimiterQueueMachine<Promise<Turn>>()
    var timer: Timer?
    /// Those whose wait is over, to be told once the lock is open.
    var finished: [(caller: Promise<Turn>, turn: Turn)] = []
    /// When the first one's turn comes.
    var nextDue: Int64?

    init(options: RateLimiterOptions, machine: RateLimiterMachine) {
      self.options = options
      self.machine = machine
    }

    /// Units that are waited for.
    var units: Int64 { self.machine.units(self.callers.cells) }

    /// Serves everybody whose turn it is.
    mutating func advance(tat: inout Int64, hasChanged: Bool = false, at now: Int64) {
      let action = self.callers.advance(self.machine, tat: tat, hasChanged: hasChanged, at: now)
      tat = action.tat
      self.nextDue = action.nextDue
      for caller in action.served { self.finished.append((caller, .granted)) }
      for (caller, refusal) in action.refused { self.finished.append((caller, .refused(refusal))) }
    }

    /// Takes cells if nobody waits any more once all whose turn it is are served.
    mutating func take(_ cells: Int64, tat: inout Int64, at now: Int64) -> Refusal? {
      self.advance(tat: &tat, at: now)
      switch self.machine.take(cells, tat: tat, queued: self.units, at: now) {
      case .admit(let next):
        tat = next
        return nil
      case .refuse(let refusal):
        return refusal
      }
    }

    enum OnJoin {
      case granted
      case refused(Refusal)
      case waiting(id: UInt64)
    }

    /// Takes cells, or adds the caller to those who wait if it can be served in time.
    mutating func join(
      _ caller: Promise<Turn>,
      cells: Int64,
      until deadline: Int64,
      tat: inout Int64,
      at now: Int64
    ) -> OnJoin {
      guard let refusal = self.take(cells, tat: &tat, at: now) else { return .granted }
      let longest = self.options.maximumWait.wholeNanoseconds
      guard refusal.retryAfter >= 0, refusal.retryAfter <= longest,
        self.callers.count < self.options.queueLimit
      else { return .refused(refusal) }
      guard now.saturatingAdding(refusal.retryAfter) <= deadline else {
        return .refused(Refusal(.deadline, retryAfter: refusal.retryAfter))
      }
      let latest = min(deadline, now.saturatingAdding(longest))
      return .waiting(id: self.callers.join(caller, cells: cells, until: latest))
    }
  }

  /// Sleeps until the first one's turn: one for all who wait.
  struct Timer {
    var due: Int64
    var task: Task<Void, Never>
  }

  /// The only door to the queue: holds the word, changes, serves whose turn it is, and tells them once all is open again.
  ///
  /// - Parameter body: May change the TAT; says whether it may have become later for those who wait.
  func modify(at now: Int64, _ body: (inout Queue, inout Int64) -> Bool) {
    let (finished, obsolete) = self.queue.withLock { queue in
      var tat = self.state.hold()
      let hasChanged = body(&queue, &tat)
      queue.advance(tat: &tat, hasChanged: hasChanged, at: now)
      let queued = queue.units
      // Cells that a stripe still holds would let its threads pass those who wait, or survive a drain. One that is put
      // in at this very moment may escape; it is paid for, and over in 20 us.
      if queued > 0 || hasChanged { self.revokeLeases() }
      self.state.release(tat: tat, queued: queued)
      defer { queue.finished = [] }
      return (queue.finished, self.setTimer(&queue))
    }
    obsolete?.cancel()
    for (caller, turn) in finished { caller.answer(turn) }
  }

  private func revokeLeases() {
    for index in self.stripes.indices { self.stripes[index].revoke() }
  }

  /// - Returns: The timer's task that there was before, if it has another time or none.
  private func setTimer(_ queue: inout Queue) -> Task<Void, Never>? {
    guard queue.nextDue != queue.timer?.due else { return nil }
    let obsolete = queue.timer?.task
    queue.timer = queue.nextDue.map { due in
      Timer(due: due, task: Task { await self.serve(at: due) })
    }
    return obsolete
  }

  private func serve(at due: Int64) async {
    do {
      try await self.clock.sleep(until: PolicyClock.Instant(nanoseconds: due))
    } catch {
      // Cancelled, it has been replaced. Any other error is the clock's own: those who wait must not wait for ever.
      if Task.isCancelled { return }
    }
    self.modify(at: self.clock.nanoseconds) { queue, _ in
      if queue.timer?.due == due { queue.timer = nil }
      return false
    }
  }
}
