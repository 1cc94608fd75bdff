import BulwarkTestKit

@testable import BulwarkResilience

/// A circuit breaker written the plain way, which the real one is compared with: a list of samples that is counted each
/// time, rates as floating-point numbers, no gate.
struct NaiveCircuit {
  struct Ticket {
    var start: Int64
    var generation: Int
    var probe: Int?
    var counts: Bool
  }

  enum Answer {
    case admitted(Ticket)
    case refused(Refusal)
  }

  private struct Sample {
    var bucket: Int64
    var failed: Bool
    var slow: Bool
  }

  private var options: CircuitBreakerOptions
  private var generator: SeededGenerator
  private let start: Int64
  private var newestBucket: Int64 = 0
  private var samples: [Sample] = []
  private var rejections: [Int64] = []
  private var generation = 0
  private var breaks: [Duration] = []
  private var breakEnd: Int64 = 0
  private var probes: [Int: Int64] = [:]
  private var probeCount = 0
  private var succeeded = 0
  private var failed = 0
  private var inARow = 0
  private var recoveryStart: Int64 = 0
  private var credit: UInt64 = 0
  /// The state that an operator ordered.
  private var ordered: CircuitState?
  private var phase = CircuitState.closed
  private(set) var totals = CircuitBreakerStats.Totals()
  /// What happened since it was last looked at.
  var transitions: [CircuitTransition] = []
  /// Of the last of them.
  private var sequence: UInt32 = 0

  init(_ options: CircuitBreakerOptions, at now: Int64, generator: SeededGenerator) {
    self.options = options
    self.start = now
    self.generator = generator
    switch options.initialState {
    case .open:
      self.beginBreak(at: now)
      self.phase = .open
    case .forcedOpen, .disabled, .metricsOnly: self.ordered = options.initialState
    case .recovering: self.beginRecovery(at: now)
    case let state: self.phase = state
    }
  }

  var state: CircuitState { self.ordered ?? self.phase }
  var shadowState: CircuitState { self.ordered == .metricsOnly ? self.phase : self.state }

  private var bucketWidth: Int64 { self.options.window.wholeNanoseconds / Int64(self.options.buckets) }

  private mutating func age(to now: Int64) {
    if now >= self.start { self.newestBucket = max(self.newestBucket, (now - self.start) / self.bucketWidth) }
    let oldest = self.newestBucket - Int64(self.options.buckets)
    self.samples.removeAll { $0.bucket <= oldest }
    self.rejections.removeAll { $0 <= oldest }
  }

  // MARK: Calls

  mutating func admit(at now: Int64) -> Answer {
    switch self.ordered {
    case .disabled: return .admitted(Ticket(start: now, generation: 0, counts: false))
    case .forcedOpen: return .refused(self.refuse(.circuitForcedOpen, at: now))
    case .metricsOnly:
      let answer = self.decide(at: now)
      if case .refused = answer { return .admitted(Ticket(start: now, generation: 0, counts: false)) }
      return answer
    default: return self.decide(at: now)
    }
  }

  private mutating func decide(at now: Int64) -> Answer {
    if self.phase == .open {
      if now < self.breakEnd {
        return .refused(self.refuse(.circuitOpen, retryAfter: self.breakEnd - now, at: now))
      }
      self.enter(.halfOpen, .breakOver)
    }
    if self.phase == .halfOpen {
      self.expireProbes(at: now)
      self.judgeProbes(at: now)
      if self.phase == .open {
        return .refused(self.refuse(.circuitOpen, retryAfter: self.breakEnd - now, at: now))
      }
      let limit = self.options.probeLimit ?? self.options.successThreshold
      guard self.probes.count < min(self.options.concurrentProbes ?? limit, limit),
        self.probes.count + self.succeeded + self.failed < limit
      else { return .refused(self.refuse(.probesExhausted, at: now)) }
      self.probeCount += 1
      self.probes[self.probeCount] = now + self.options.probeLease.wholeNanoseconds
      return .admitted(
        Ticket(start: now, generation: self.generation, probe: self.probeCount, counts: true)
      )
    }
    if self.phase == .recovering, let ramp = self.options.recovery {
      let elapsed = max(now - self.recoveryStart, 0)
      let length = ramp.duration.wholeNanoseconds
      if elapsed >= length {
        let before = self.state
        self.phase = .closed
        self.breaks = []
        self.note(from: before, .recovered)
      } else {
        // In parts of 2^32, as the real one does: the order of admissions hangs on the last bit.
        let whole: UInt64 = 1 << 32
        let initial = UInt64(ramp.initialShare * Double(whole))
        self.credit += initial + UInt64(UInt128(whole - initial) * UInt128(elapsed) / UInt128(length))
        guard self.credit >= whole else { return .refused(self.refuse(.recovering, at: now)) }
        self.credit -= whole
      }
    }
    return .admitted(Ticket(start: now, generation: self.generation, counts: true))
  }

  private mutating func refuse(_ reason: Rejection.Reason, retryAfter: Int64 = -1, at now: Int64) -> Refusal {
    self.age(to: now)
    self.rejections.append(self.newestBucket)
    self.totals.rejections += 1
    return Refusal(reason, retryAfter: retryAfter)
  }

  mutating func settle(_ ticket: Ticket, as verdict: Verdict, at now: Int64) {
    guard ticket.counts else { return }
    guard ticket.generation == self.generation else { return self.totals.stale += 1 }
    let slow = self.options.slowCallThreshold.map { now - ticket.start >= $0.wholeNanoseconds } ?? false
    if self.phase == .halfOpen {
      self.expireProbes(at: now)
      guard let probe = ticket.probe, self.probes.removeValue(forKey: probe) != nil else {
        self.totals.stale += 1
        return self.judgeProbes(at: now)
      }
      self.count(verdict, slow)
      switch verdict {
      case .success where !slow: self.succeeded += 1
      case .success, .failure: self.failed += 1
      case .neutral: break
      }
      self.judgeProbes(at: now)
      return
    }
    self.count(verdict, slow)
    guard verdict != .neutral else { return }
    self.age(to: now)
    self.samples.append(Sample(bucket: self.newestBucket, failed: verdict == .failure, slow: slow))
    self.inARow = verdict == .failure ? self.inARow + 1 : 0
    self.judgeWindow(at: now)
  }

  private mutating func count(_ verdict: Verdict, _ slow: Bool) {
    switch verdict {
    case .success: self.totals.successes += 1
    case .failure: self.totals.failures += 1
    case .neutral: self.totals.neutral += 1
    }
    if slow, verdict != .neutral { self.totals.slowCalls += 1 }
  }

  private mutating func judgeWindow(at now: Int64) {
    let calls = Double(self.samples.count)
    if self.samples.count >= self.options.minimumCalls {
      if Double(self.samples.count { $0.failed }) / calls >= self.options.failureThreshold {
        return self.open(.failureRate, at: now)
      }
      if self.options.slowCallThreshold != nil,
        Double(self.samples.count { $0.slow }) / calls >= self.options.slowCallRateThreshold
      {
        return self.open(.slowCallRate, at: now)
      }
    }
    if let limit = self.options.consecutiveFailures, self.inARow >= limit {
      self.open(.consecutiveFailures, at: now)
    }
  }

  private mutating func expireProbes(at now: Int64) {
    let left = self.probes.filter { $0.value > now }
    self.failed += self.probes.count - left.count
    self.probes = left
  }

  private mutating func judgeProbes(at now: Int64) {
    let limit = self.options.probeLimit ?? self.options.successThreshold
    if self.failed > limit - self.options.successThreshold { return self.open(.probeFailed, at: now) }
    guard self.succeeded >= self.options.successThreshold else { return }
    self.samples = []
    if self.options.recovery == nil {
      self.breaks = []
      self.enter(.closed, .probesSucceeded)
    } else {
      self.enter(.recovering, .probesSucceeded)
      self.beginRecovery(at: now)
    }
  }

  // MARK: Transitions

  private mutating func open(_ cause: CircuitTransition.Cause, at now: Int64) {
    self.beginBreak(at: now)
    self.totals.openings += 1
    self.enter(.open, cause, breakDuration: self.breaks.last)
  }

  private mutating func beginBreak(at now: Int64) {
    let length = self.options.breakDuration
      .delay(self.breaks.count + 1, after: self.breaks.last, using: &self.generator)
    self.breaks.append(length)
    self.breakEnd = now + length.wholeNanoseconds
  }

  private mutating func beginRecovery(at now: Int64) {
    self.phase = .recovering
    self.recoveryStart = now
    self.credit = (1 << 32) - UInt64((self.options.recovery?.initialShare ?? 1) * Double(1 << 32 as UInt64))
  }

  private mutating func enter(
    _ phase: CircuitState,
    _ cause: CircuitTransition.Cause,
    breakDuration: Duration? = nil
  ) {
    let before = self.state
    self.phase = phase
    self.startGeneration()
    self.note(from: before, cause, breakDuration: breakDuration)
  }

  private mutating func startGeneration() {
    self.generation += 1
    self.probes = [:]
    self.succeeded = 0
    self.failed = 0
    self.inARow = 0
  }

  private mutating func note(
    from before: CircuitState,
    _ cause: CircuitTransition.Cause,
    breakDuration: Duration? = nil
  ) {
    guard before != self.state else { return }
    self.sequence += 1
    self.transitions.append(
      CircuitTransition(
        from: before,
        to: self.state,
        cause: cause,
        breakDuration: breakDuration,
        sequence: self.sequence
      )
    )
  }

  // MARK: By hand

  mutating func order(_ state: CircuitState?, at now: Int64) {
    let before = self.state
    self.ordered = state
    self.phase = .closed
    self.breaks = []
    self.samples = []
    self.startGeneration()
    self.age(to: now)
    self.note(from: before, .manual)
  }

  /// Other thresholds; the window keeps its shape.
  mutating func reconfigure(_ options: CircuitBreakerOptions, at now: Int64) {
    self.options = options
    self.age(to: now)
    if self.phase == .halfOpen { self.startGeneration() }
  }

  mutating func windowCounts(at now: Int64) -> CircuitBreakerStats.Window {
    self.age(to: now)
    return CircuitBreakerStats.Window(
      calls: UInt64(self.samples.count),
      failures: UInt64(self.samples.count { $0.failed }),
      slowCalls: UInt64(self.samples.count { $0.slow }),
      rejections: UInt64(self.rejections.count)
    )
  }
}
