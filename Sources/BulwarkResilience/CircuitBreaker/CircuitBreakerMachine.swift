/// Decides what a circuit breaker admits.
///
///               a threshold is reached              the break is over
///     closed --------------------------> open --------------------------> halfOpen
///      ^  ^                              ^  ^                              |  |  |
///      |  |                              |  '----- the probes fail --------'  |  |
///      |  |      a threshold is reached  |                                    |  |
///      |  '--- recovering ---------------'                                    |  |
///      |           ^                                                          |  |
///      |           '--- the probes succeed, and there is a ramp --------------'  |
///      '--------------- the probes succeed, and there is none -------------------'
///
/// What depends on time alone happens when the next call asks: an open circuit stays open until somebody comes after
/// the break. Over these states stands the control that an operator has: while the circuit is `forcedOpen` or
/// `disabled` they rest, and while it is `metricsOnly` they run on as a shadow that refuses nobody.
///
/// Each input makes at most one transition, and returns it.
struct CircuitBreakerMachine: Sendable {
  /// What the circuit does by itself.
  enum Phase: Hashable, Sendable {
    /// Exits: `open`.
    case closed
    /// Refuses until the instant. Exits: `halfOpen`.
    case open(until: Int64)
    /// The probes decide. Exits: `open`, `recovering`, `closed`.
    case halfOpen
    /// Admits a growing share; `credit` is what calls that were refused have left to the next one, in parts of a call.
    /// Exits: `closed`, `open`.
    case recovering(since: Int64, credit: UInt64)
  }

  /// Who decides.
  enum Control: UInt8, Hashable, Sendable {
    case automatic
    case metricsOnly
    case forcedOpen
    case disabled
  }

  private(set) var settings: CircuitBreakerSettings
  private(set) var phase: Phase
  private(set) var control: Control
  /// Outcomes count only in the generation that their calls were admitted in. Never 0.
  private(set) var generation: UInt32 = 1
  private(set) var window: RollingWindow
  private(set) var totals = CircuitBreakerStats.Totals()
  private(set) var probes = CircuitProbes()
  private(set) var failuresInARow: UInt32 = 0
  /// How many breaks there were since the circuit was closed, and how long the last one was; below zero without any.
  private var breaks: Int32 = 0
  private var lastBreak: Int64 = -1

  init(_ settings: CircuitBreakerSettings, at now: Int64, using generator: inout some RandomNumberGenerator) {
    self.settings = settings
    self.control = .automatic
    self.phase = .closed
    self.window = RollingWindow(
      bucketNanoseconds: settings.bucketNanoseconds,
      count: settings.bucketCount,
      now: now
    )
    switch settings.initialState {
    case .closed: break
    case .open: self.phase = .open(until: now.saturatingAdding(self.nextBreak(using: &generator)))
    case .halfOpen: self.phase = .halfOpen
    case .recovering: self.phase = self.recovering(since: now)
    case .forcedOpen: self.control = .forcedOpen
    case .disabled: self.control = .disabled
    case .metricsOnly: self.control = .metricsOnly
    }
  }

  /// The state as the world sees it.
  var state: CircuitState {
    switch self.control {
    case .automatic: self.shadowState
    case .metricsOnly: .metricsOnly
    case .forcedOpen: .forcedOpen
    case .disabled: .disabled
    }
  }

  /// The state that the circuit would be in by itself.
  var shadowState: CircuitState {
    switch self.phase {
    case .closed: .closed
    case .open: .open
    case .halfOpen: .halfOpen
    case .recovering: .recovering
    }
  }

  /// How long the circuit is certain to refuse from now on; `nil` if it may admit now, `Int64.max` if only an operator
  /// can tell.
  func retryAfter(at now: Int64) -> Int64? {
    switch (self.control, self.phase) {
    case (.forcedOpen, _): .max
    case (.automatic, .open(let end)) where now < end: end.saturatingSubtracting(now)
    default: nil
    }
  }
}

// MARK: - Calls

extension CircuitBreakerMachine {
  /// A call wants to start.
  mutating func admit(
    at now: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> (admission: CircuitAdmission, transition: CircuitTransition?) {
    switch self.control {
    case .automatic:
      return self.decide(at: now, using: &generator)
    case .metricsOnly:
      guard case (.admitted(let ticket), let transition) = self.decide(at: now, using: &generator) else {
        return (.admitted(.uncounted(at: now)), nil)
      }
      return (.admitted(ticket), transition)
    case .forcedOpen:
      return (self.refuse(.circuitForcedOpen, at: now), nil)
    case .disabled:
      return (.admitted(.uncounted(at: now)), nil)
    }
  }

  private mutating func decide(
    at now: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> (CircuitAdmission, CircuitTransition?) {
    switch self.phase {
    case .closed:
      return (self.admitted(at: now), nil)
    case .open(let end):
      guard now >= end else {
        return (self.refuse(.circuitOpen, retryAfter: end.saturatingSubtracting(now), at: now), nil)
      }
      let transition = self.enter(.halfOpen, because: .breakOver)
      return (self.probe(at: now), transition)
    case .halfOpen:
      self.probes.expire(at: now)
      guard self.haveProbesFailed else { return (self.probe(at: now), nil) }
      let transition = self.open(because: .probeFailed, at: now, using: &generator)
      return (self.refuse(.circuitOpen, retryAfter: self.retryAfter(at: now) ?? 0, at: now), transition)
    case .recovering(let start, let credit):
      let elapsed = max(now.saturatingSubtracting(start), 0)
      guard elapsed < self.settings.recoveryNanoseconds else {
        return (self.admitted(at: now), self.recovered())
      }
      let sum = credit + self.settings.recoveryShare(after: elapsed)
      let isAdmitted = sum >= CircuitBreakerSettings.wholeShare
      let left = isAdmitted ? sum - CircuitBreakerSettings.wholeShare : sum
      self.phase = .recovering(since: start, credit: left)
      return (isAdmitted ? self.admitted(at: now) : self.refuse(.recovering, at: now), nil)
    }
  }

  private mutating func probe(at now: Int64) -> CircuitAdmission {
    guard let number = self.probes.take(at: now, under: self.settings) else {
      return self.refuse(.probesExhausted, at: now)
    }
    return .admitted(CircuitTicket(start: now, generation: self.generation, probe: number))
  }

  private func admitted(at now: Int64) -> CircuitAdmission {
    .admitted(CircuitTicket(start: now, generation: self.generation))
  }

  private mutating func refuse(
    _ reason: Rejection.Reason,
    retryAfter: Int64 = -1,
    at now: Int64
  ) -> CircuitAdmission {
    self.window.advance(to: now)
    self.countRejections(1)
    return .refused(Refusal(reason, retryAfter: retryAfter))
  }

  /// A call that was admitted has ended.
  mutating func settle(
    _ ticket: CircuitTicket,
    as verdict: Verdict,
    at now: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> CircuitTransition? {
    guard ticket.generation != 0 else { return nil }
    guard ticket.generation == self.generation else {
      self.totals.stale += 1
      return nil
    }
    let isSlow = now.saturatingSubtracting(ticket.start) >= self.settings.slowCallNanoseconds
    if self.phase == .halfOpen {
      return self.settleProbe(ticket.probe, as: verdict, isSlow: isSlow, at: now, using: &generator)
    }
    self.count(verdict, isSlow: isSlow)
    guard verdict != .neutral else { return nil }
    self.window.advance(to: now)
    self.window.add(.init(calls: 1, failures: verdict == .failure ? 1 : 0, slowCalls: isSlow ? 1 : 0))
    if verdict == .failure {
      // Stays below what stands for a rule that is off.
      if self.failuresInARow < .max - 1 { self.failuresInARow += 1 }
    } else {
      self.failuresInARow = 0
    }
    return self.reachedThreshold.flatMap { self.open(because: $0, at: now, using: &generator) }
  }

  /// A call that was admitted is not made after all: another policy refused it. All is as if it had not asked.
  mutating func withdraw(_ ticket: CircuitTicket) {
    guard ticket.generation == self.generation else { return }
    switch self.phase {
    case .halfOpen:
      _ = self.probes.settle(ticket.probe, as: .neutral)
    case .recovering(let start, let credit):
      self.phase = .recovering(since: start, credit: credit + CircuitBreakerSettings.wholeShare)
    case .closed, .open:
      break
    }
  }

  private mutating func settleProbe(
    _ number: UInt32,
    as verdict: Verdict,
    isSlow: Bool,
    at now: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> CircuitTransition? {
    self.probes.expire(at: now)
    // A slow probe shows that what opened the circuit is still there.
    let counted = verdict == .success && isSlow ? .failure : verdict
    if self.probes.settle(number, as: counted) {
      self.count(verdict, isSlow: isSlow)
    } else {
      self.totals.stale += 1
    }
    if self.haveProbesFailed {
      return self.open(because: .probeFailed, at: now, using: &generator)
    }
    guard self.probes.succeeded >= self.settings.successThreshold else { return nil }
    self.window.clearOutcomes()
    guard self.settings.hasRecovery else { return self.close(because: .probesSucceeded) }
    return self.enter(self.recovering(since: now), because: .probesSucceeded)
  }

  /// Whether more probes failed than leave the success threshold in reach.
  private var haveProbesFailed: Bool { self.probes.failed > self.settings.toleratedProbeFailures }

  private mutating func count(_ verdict: Verdict, isSlow: Bool) {
    switch verdict {
    case .success: self.totals.successes += 1
    case .failure: self.totals.failures += 1
    case .neutral: self.totals.neutral += 1
    }
    if isSlow, verdict != .neutral { self.totals.slowCalls += 1 }
  }

  private var reachedThreshold: CircuitTransition.Cause? {
    let sum = self.window.sum
    if sum.calls >= UInt64(self.settings.minimumCalls) {
      if self.settings.reachesFailureThreshold(sum.failures, of: sum.calls) { return .failureRate }
      if self.settings.reachesSlowCallThreshold(sum.slowCalls, of: sum.calls) { return .slowCallRate }
    }
    return self.failuresInARow >= self.settings.consecutiveFailures ? .consecutiveFailures : nil
  }
}

// MARK: - Transitions

extension CircuitBreakerMachine {
  private mutating func open(
    because cause: CircuitTransition.Cause,
    at now: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> CircuitTransition? {
    let length = self.nextBreak(using: &generator)
    self.totals.openings += 1
    var transition = self.enter(.open(until: now.saturatingAdding(length)), because: cause)
    transition?.breakDuration = .nanoseconds(length)
    return transition
  }

  private mutating func nextBreak(using generator: inout some RandomNumberGenerator) -> Int64 {
    if self.breaks < .max { self.breaks += 1 }
    let length = self.settings.breakDuration
      .nanoseconds(Int(self.breaks), after: self.lastBreak < 0 ? nil : self.lastBreak, using: &generator)
    self.lastBreak = length
    return length
  }

  private mutating func close(because cause: CircuitTransition.Cause) -> CircuitTransition? {
    self.forgetBreaks()
    return self.enter(.closed, because: cause)
  }

  private mutating func forgetBreaks() {
    self.breaks = 0
    self.lastBreak = -1
  }

  private func recovering(since now: Int64) -> Phase {
    // The first call is admitted, whatever the share.
    .recovering(since: now, credit: CircuitBreakerSettings.wholeShare - self.settings.recoveryShare(after: 0))
  }

  /// Ends the recovery. Its generation goes on: nothing has put the outcomes of calls that are under way in question.
  private mutating func recovered() -> CircuitTransition? {
    let from = self.state
    self.forgetBreaks()
    self.phase = .closed
    return self.transition(from: from, because: .recovered)
  }

  private mutating func enter(_ phase: Phase, because cause: CircuitTransition.Cause) -> CircuitTransition? {
    let from = self.state
    self.phase = phase
    self.startGeneration()
    return self.transition(from: from, because: cause)
  }

  /// Leaves the outcomes of all calls that are under way without effect.
  private mutating func startGeneration() {
    self.generation = self.generation == .max ? 1 : self.generation + 1
    self.failuresInARow = 0
    self.probes = CircuitProbes()
  }

  private func transition(from: CircuitState, because cause: CircuitTransition.Cause) -> CircuitTransition? {
    let to = self.state
    return from == to ? nil : CircuitTransition(from: from, to: to, cause: cause)
  }
}

// MARK: - By hand

extension CircuitBreakerMachine {
  /// Takes the decision out of the circuit's hands, or gives it back. It then starts from closed, with nothing counted.
  mutating func take(_ control: Control, at now: Int64) -> CircuitTransition? {
    let from = self.state
    self.control = control
    self.phase = .closed
    self.forgetBreaks()
    self.startGeneration()
    self.window.advance(to: now)
    self.window.clearOutcomes()
    return self.transition(from: from, because: .manual)
  }

  /// Goes on with other settings. The state stays, and so do the counts, as far as the new window reaches back; a break
  /// that has begun keeps its length, and a half-open circuit starts with its probes anew.
  mutating func reconfigure(_ settings: CircuitBreakerSettings, at now: Int64) {
    self.settings = settings
    self.window.advance(to: now)
    self.window = self.window.resized(
      bucketNanoseconds: settings.bucketNanoseconds,
      count: settings.bucketCount
    )
    if self.phase == .halfOpen { self.startGeneration() }
  }
}

// MARK: - What needs no decision

extension CircuitBreakerMachine {
  /// What the machine would answer to each input of a kind, so that its owner need not ask.
  enum Standing: Hashable, Sendable {
    /// Ask for each call.
    case asks
    /// Each call is admitted with a ticket of this generation, 0 for one that counts nowhere. If `countsSuccesses`, then
    /// until `end` a success that is not slow does no more than be counted.
    case admits(generation: UInt32, countsSuccesses: Bool, end: Int64)
    /// Until `end`, each call is refused. It has a chance at `retryAt`, if that is known.
    case refuses(Rejection.Reason, retryAt: Int64?, end: Int64)
  }

  /// What holds until the next input other than those that it speaks of.
  var standing: Standing {
    let end = self.window.newestEnd
    switch (self.control, self.phase) {
    case (.disabled, _):
      return .admits(generation: 0, countsSuccesses: false, end: end)
    case (.forcedOpen, _):
      return .refuses(.circuitForcedOpen, retryAt: nil, end: end)
    case (_, .closed):
      return .admits(generation: self.generation, countsSuccesses: self.isSafeFromSuccesses, end: end)
    case (.automatic, .open(let breakEnd)):
      return .refuses(.circuitOpen, retryAt: breakEnd, end: min(end, breakEnd))
    case (.automatic, .halfOpen) where !self.probes.hasPlace(under: self.settings):
      return .refuses(.probesExhausted, retryAt: nil, end: min(end, self.probes.nextLeaseEnd ?? end))
    case (_, .open), (_, .halfOpen), (_, .recovering):
      return .asks
    }
  }

  /// Whether no number of quick successes can open the circuit before the newest bucket is over: they lower each share,
  /// so if none is reached now, with enough calls for it, none will be; and without failures there is none.
  private var isSafeFromSuccesses: Bool {
    let sum = self.window.sum
    guard self.failuresInARow == 0 else { return false }
    if sum.failures == 0, sum.slowCalls == 0 { return true }
    return sum.calls >= UInt64(self.settings.minimumCalls) && self.reachedThreshold == nil
  }

  /// Counts successes that were settled on the strength of ``standing``.
  mutating func countSuccesses(_ count: UInt64) {
    self.totals.successes += count
    self.window.add(.init(calls: UInt32(clamping: count)))
  }

  /// Counts refusals that were given on the strength of ``standing``.
  mutating func countRejections(_ count: UInt64) {
    self.totals.rejections += count
    self.window.add(.init(rejections: UInt32(clamping: count)))
  }
}

// MARK: - What was seen

extension CircuitBreakerMachine {
  /// What was seen so far; what is too old now has left the window.
  mutating func stats(at now: Int64) -> CircuitBreakerStats {
    self.window.advance(to: now)
    let sum = self.window.sum
    let retryAfter = self.retryAfter(at: now)
    return CircuitBreakerStats(
      state: self.state,
      shadowState: self.control == .metricsOnly ? self.shadowState : self.state,
      generation: self.generation,
      window: .init(
        calls: sum.calls,
        failures: sum.failures,
        slowCalls: sum.slowCalls,
        rejections: sum.rejections
      ),
      consecutiveFailures: self.failuresInARow,
      probes: self.phase == .halfOpen
        ? .init(
          underWay: Int(self.probes.underWayCount),
          succeeded: Int(self.probes.succeeded),
          failed: Int(self.probes.failed)
        ) : nil,
      retryAfterNanoseconds: self.control == .forcedOpen ? nil : retryAfter,
      totals: self.totals
    )
  }
}
