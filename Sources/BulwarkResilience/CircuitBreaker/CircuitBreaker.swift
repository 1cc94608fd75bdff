import Synchronization

/// Stops calling what does not work: counts how calls end, refuses them for a while once too many failed, and lets
/// them come back through a few probes.
///
///     let breaker = try CircuitBreaker(name: "validator-7")
///     let receipt = try await breaker.run { try await validator.submit(vote) }
///
/// Safe to use from any thread. A call in a closed circuit takes no lock and allocates nothing.
public final class CircuitBreaker: Sendable {
  /// What the machine's lock guards.
  private struct Control: Sendable {
    var machine: CircuitBreakerMachine
    var jitter: JitterGenerator
    /// What the gate counts on the machine's behalf, and the number of its posting.
    var counting = CircuitGate.Counting.nothing
    var number: UInt32 = 0
  }

  /// The name that its rejections and events bear.
  public let name: String
  /// Its transitions and rejections.
  public let events: PolicyEvents
  /// What it measures time with.
  package let clock: PolicyClock
  // Behind all that is public: see the layout of classes with atomics.
  private let gate: CircuitGate
  private let control: Mutex<Control>

  /// A circuit breaker.
  ///
  /// - Parameters:
  ///   - name: The name that its rejections and events bear.
  ///   - options: When it opens and closes.
  ///   - clock: What it measures time with.
  ///   - random: What the jitter of its breaks is seeded with: drawn from once, here.
  /// - Throws: ``InvalidOption`` for the first option that is out of range.
  public init(
    name: String,
    options: CircuitBreakerOptions = CircuitBreakerOptions(),
    clock: PolicyClock = .system,
    random: RandomSource = .system
  ) throws(InvalidOption) {
    try options.validate()
    self.name = name
    self.events = PolicyEvents()
    self.clock = clock
    self.gate = CircuitGate()
    var jitter = JitterGenerator(seed: random.next())
    let settings = CircuitBreakerSettings(options)
    let machine = CircuitBreakerMachine(settings, at: clock.nanoseconds, using: &jitter)
    self.control = Mutex(Control(machine: machine, jitter: jitter))
    self.change { _, _ in }
  }

  /// The state. An open circuit whose break is over says so until the next call asks.
  public var state: CircuitState { self.control.withLock { $0.machine.state } }

  /// What it has seen so far.
  public var stats: CircuitBreakerStats {
    let now = self.clock.nanoseconds
    return self.change { machine, _ in machine.stats(at: now) }
  }

  /// The options; ``reconfigure(_:)`` replaces them.
  public var options: CircuitBreakerOptions { self.control.withLock { $0.machine.settings.options } }

  /// Replaces the options under way. The state stays, and so do the counts, as far as the new window reaches back. A
  /// break that has begun keeps its length, and a half-open circuit starts with its probes anew. Lower thresholds are
  /// looked at as the next outcome is settled, even if what is counted reaches them already.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range; then nothing is changed.
  public func reconfigure(_ options: CircuitBreakerOptions) throws(InvalidOption) {
    try options.validate()
    let now = self.clock.nanoseconds
    self.change { machine, _ in machine.reconfigure(CircuitBreakerSettings(options), at: now) }
    self.tell(.reconfigured, at: now)
  }

  // MARK: - Calls

  /// A call wants to start. Whoever is admitted owes one ``settle(_:as:at:)``, or ``withdraw(_:at:)``, of the ticket; a
  /// refusal has been told to the listeners.
  ///
  /// In a closed circuit it neither locks nor allocates.
  ///
  /// - Parameter now: The present on the breaker's ``clock``, in nanoseconds.
  @inline(__always)
  package func admit(at now: Int64) -> CircuitAdmission {
    let admission = self.gate.admit(at: now) ?? self.ask(at: now)
    if case .refused(let refusal) = admission {
      self.tell(.rejected(refusal.reason, retryAfter: refusal.retryAfterDuration), at: now)
    }
    return admission
  }

  /// A call that was admitted has ended. Each ticket is settled once.
  ///
  /// - Parameter now: The present on the breaker's ``clock``, in nanoseconds.
  @inline(__always)
  package func settle(_ ticket: CircuitTicket, as verdict: Verdict, at now: Int64) {
    if verdict == .success, self.gate.settleSuccess(ticket, at: now) { return }
    guard ticket.generation != 0 else { return }
    self.report(ticket, as: verdict, at: now)
  }

  /// ``admit(at:)`` now, for the doors that users come in by.
  @usableFromInline
  func begin() throws(Rejection) -> CircuitTicket {
    switch self.admit(at: self.clock.nanoseconds) {
    case .admitted(let ticket): return ticket
    case .refused(let refusal): throw refusal.rejection(by: self.name, kind: .circuitBreaker)
    }
  }

  /// A call that was admitted is not made after all: in place of ``settle(_:as:at:)``. Unlike a neutral outcome it is
  /// counted nowhere, and in a closed circuit it costs one load.
  ///
  /// - Parameter now: The present on the breaker's ``clock``, in nanoseconds.
  package func withdraw(_ ticket: CircuitTicket, at now: Int64) {
    guard ticket.generation != 0, !self.gate.admits(ticket) else { return }
    self.change { machine, _ in machine.withdraw(ticket) }
  }

  /// ``settle(_:as:at:)`` now.
  @usableFromInline
  func end(_ ticket: CircuitTicket, as verdict: Verdict) {
    self.settle(ticket, as: verdict, at: self.clock.nanoseconds)
  }

  /// How long the circuit is certain to refuse from an instant on: what ``Retry`` asks before it sleeps. `nil` if it may
  /// admit at that instant; about 292 years if it is held open by hand.
  public func retryAfter(at instant: PolicyClock.Instant) -> Duration? {
    self.retryAfter(at: instant.nanoseconds).map { .nanoseconds($0) }
  }

  /// The same in nanoseconds; `Int64.max` if it is held open by hand.
  func retryAfter(at now: Int64) -> Int64? { self.control.withLock { $0.machine.retryAfter(at: now) } }

  @inline(never)
  private func ask(at now: Int64) -> CircuitAdmission {
    let (admission, transition) = self.change { machine, jitter in
      machine.admit(at: now, using: &jitter)
    }
    self.tell(transition, at: now)
    return admission
  }

  @inline(never)
  private func report(_ ticket: CircuitTicket, as verdict: Verdict, at now: Int64) {
    let transition = self.change { machine, jitter in
      machine.settle(ticket, as: verdict, at: now, using: &jitter)
    }
    self.tell(transition, at: now)
  }

  // MARK: - By hand

  /// Refuses every call from now on, until ``reset()`` or another order.
  public func forceOpen() { self.take(.forcedOpen) }

  /// Admits every call from now on and counts none, until ``reset()`` or another order.
  public func disable() { self.take(.disabled) }

  /// Admits every call from now on, but counts on, and counts what would have been refused: what these options would
  /// do can be read from ``stats`` before they do it. Until ``reset()`` or another order.
  public func meterOnly() { self.take(.metricsOnly) }

  /// Closes the circuit, forgets the outcomes so far, and lets it decide by itself again.
  public func reset() { self.take(.automatic) }

  private func take(_ control: CircuitBreakerMachine.Control) {
    let now = self.clock.nanoseconds
    self.tell(self.change { machine, _ in machine.take(control, at: now) }, at: now)
  }

  // MARK: - The one door to the machine

  private func change<Result>(_ body: (inout CircuitBreakerMachine, inout JitterGenerator) -> Result)
    -> Result
  {
    self.control.withLock { control in
      switch control.counting {
      case .nothing: break
      case .successes: control.machine.countSuccesses(self.gate.recall())
      case .rejections: control.machine.countRejections(self.gate.recall())
      }
      let result = body(&control.machine, &control.jitter)
      control.number = control.number == .max ? 1 : control.number + 1
      control.counting = self.gate.post(
        control.machine.standing,
        number: control.number,
        slowCallNanoseconds: control.machine.settings.slowCallNanoseconds
      )
      return result
    }
  }

  // MARK: - Events

  private func tell(_ transition: CircuitTransition?, at now: Int64) {
    guard let transition else { return }
    self.tell(.transitioned(transition), at: now)
  }

  @inline(__always)
  private func tell(_ occurrence: @autoclosure () -> PolicyEvent.Occurrence, at now: Int64) {
    self.events.emit(
      PolicyEvent(
        kind: .circuitBreaker,
        policy: self.name,
        instant: PolicyClock.Instant(nanoseconds: now),
        occurrence: occurrence()
      )
    )
  }
}
