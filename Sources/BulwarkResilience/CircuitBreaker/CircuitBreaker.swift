/// Stops calling what does not work: counts how calls end, refuses them for a while once too many failed, and lets
/// them come back through a few probes.
///
///     let breaker = try CircuitBreaker(name: "validator-7")
///     let receipt = try await breaker.run { try await validator.submit(vote) }
///
/// Safe to use from any thread. A call in a closed circuit takes no lock and allocates nothing.
public final class CircuitBreaker: Sendable {
  /// The name that its rejections and events bear.
  public var name: String { self.stripes.0.name }
  /// Its transitions and rejections.
  public var events: PolicyEvents { self.stripes.0.events }
  /// What it measures time with.
  package var clock: PolicyClock { self.core.clock }
  private let core: CircuitCore
  // Not in an array: what is read from there is retained, and released, with each call.
  private let stripes: (CircuitStripe, CircuitStripe, CircuitStripe, CircuitStripe)

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
    let core = CircuitCore(
      CircuitBreakerSettings(options),
      clock: clock,
      jitter: JitterGenerator(seed: random.next())
    )
    let events = PolicyEvents()
    self.core = core
    let stripes = InlineArray<4, CircuitStripe> { _ in CircuitStripe(of: core, name: name, events: events) }
    self.stripes = (stripes[0], stripes[1], stripes[2], stripes[3])
    core.attach(stripes)
  }

  deinit {
    self.core.detach()
  }

  /// The state. An open circuit whose break is over says so until the next call asks.
  public var state: CircuitState { self.core.read { $0.state } }

  /// What it has seen so far.
  public var stats: CircuitBreakerStats {
    let now = self.clock.nanoseconds
    return self.core.change { $0.stats(at: now) }
  }

  /// The options; ``reconfigure(_:)`` replaces them.
  public var options: CircuitBreakerOptions { self.core.read { $0.settings.options } }

  /// Replaces the options under way. The state stays, and so do the counts, as far as the new window reaches back. A
  /// break that has begun keeps its length, and a half-open circuit starts with its probes anew. Lower thresholds are
  /// looked at as the next outcome is settled, even if what is counted reaches them already.
  ///
  /// - Throws: ``InvalidOption`` for the first option that is out of range; then nothing is changed.
  public func reconfigure(_ options: CircuitBreakerOptions) throws(InvalidOption) {
    try options.validate()
    let now = self.clock.nanoseconds
    self.core.change { $0.reconfigure(CircuitBreakerSettings(options), at: now) }
    self.stripes.0.tell(.reconfigured, at: now)
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
    self.withStripe { $0.admit(at: now) }
  }

  /// A call that was admitted has ended. Each ticket is settled once.
  ///
  /// - Parameter now: The present on the breaker's ``clock``, in nanoseconds.
  @inline(__always)
  package func settle(_ ticket: CircuitTicket, as verdict: Verdict, at now: Int64) {
    self.withStripe { $0.settle(ticket, as: verdict, at: now) }
  }

  /// ``admit(at:)`` now, for the doors that users come in by.
  @usableFromInline
  func begin() throws(Rejection) -> CircuitTicket {
    try self.withStripe { (stripe) throws(Rejection) in try stripe.begin() }
  }

  /// A call that was admitted is not made after all: in place of ``settle(_:as:at:)``. Unlike a neutral outcome it is
  /// counted nowhere, and in a closed circuit it costs one load.
  ///
  /// - Parameter now: The present on the breaker's ``clock``, in nanoseconds.
  package func withdraw(_ ticket: CircuitTicket, at now: Int64) {
    self.withStripe { $0.withdraw(ticket) }
  }

  /// ``settle(_:as:at:)`` now.
  @usableFromInline
  package func end(_ ticket: CircuitTicket, as verdict: Verdict) {
    self.withStripe { $0.end(ticket, as: verdict) }
  }

  /// Asks for one call, for those who cannot hand it over as a closure.
  ///
  ///     let permit = try breaker.allow()
  ///     let verdict: Verdict = send(request) ? .success : .failure
  ///     permit.settle(as: verdict)
  ///
  /// - Throws: ``Rejection`` if the circuit does not let it pass. Nothing is to be settled then.
  public func allow() throws(Rejection) -> CircuitPermit {
    try self.withStripe { (stripe) throws(Rejection) in CircuitPermit(stripe, try stripe.begin()) }
  }

  /// How long the circuit is certain to refuse from an instant on: what ``Retry`` asks before it sleeps. `nil` if it may
  /// admit at that instant; about 292 years if it is held open by hand.
  public func retryAfter(at instant: PolicyClock.Instant) -> Duration? {
    self.retryAfter(at: instant.nanoseconds).map { .nanoseconds($0) }
  }

  /// The same in nanoseconds; `Int64.max` if it is held open by hand.
  func retryAfter(at now: Int64) -> Int64? { self.core.read { $0.retryAfter(at: now) } }

  /// Does something with this thread's stripe, without counting a reference to it.
  @inline(__always)
  private func withStripe<Result: ~Copyable, Failure: Error>(
    _ body: (CircuitStripe) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch Stripe.current {
    case 0: try body(self.stripes.0)
    case 1: try body(self.stripes.1)
    case 2: try body(self.stripes.2)
    default: try body(self.stripes.3)
    }
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
    let (_, transition) = self.core.decide { machine, _ in ((), machine.take(control, at: now)) }
    self.stripes.0.tell(transition, at: now)
  }
}
