import Synchronization

/// Lets operations through at a rate, with bursts up to a capacity: a token bucket that refills smoothly.
///
/// ```swift
/// let limiter = try RateLimiter(name: "votes", capacity: 100, refillPerSecond: 10)
/// guard limiter.tryAcquire() else { throw Overloaded() }
/// ```
///
/// No window of w seconds lets more through than `burst + rate * (w + 1 ns)`, whatever the threads, waits and rollbacks;
/// across a change of settings the larger burst and the higher rate count. Each admission is dated at the instant that
/// its caller read from the clock, or at the last change of settings if that came in between.
///
/// It is the generic cell rate algorithm in one atomic word: neither a lock nor an allocation where nobody waits, and a
/// refusal leaves the word alone, also one of ``acquire(_:maximumWait:deadline:)`` that no wait would help.
///
/// Waiting is optional, and first in, first out: nobody passes one who waits, not even a ``tryAcquire(_:)``. A wait
/// that cannot end in time is refused at once instead of being sat out, and whoever is cancelled takes no permit along.
///
/// Safe to use from any thread.
public final class RateLimiter: Sendable {
  /// What the limiter is called in errors, events and statistics.
  public let name: String
  /// Refusals, and changes of the settings.
  public let events = PolicyEvents()
  /// What it measures time with.
  package let clock: PolicyClock
  /// What the stripes' leases count their time from.
  let epoch: Int64
  let queue: Mutex<Queue>
  /// One for each value of `Stripe.current`.
  let stripes: InlineArray<4, RateLimiterStripe>
  let state: RateLimiterState

  /// A limiter with a full bucket.
  ///
  /// - Throws: ``InvalidOption`` that names the field, its value and what is allowed.
  public init(
    name: String,
    options: RateLimiterOptions = RateLimiterOptions(),
    clock: PolicyClock = .system
  ) throws(InvalidOption) {
    try options.validate()
    self.name = name
    self.clock = clock
    self.epoch = clock.nanoseconds
    let machine = RateLimiterMachine(rate: options.rate, burst: options.burst, anchor: self.epoch)
    self.queue = Mutex(Queue(options: options, machine: machine))
    self.stripes = InlineArray { _ in RateLimiterStripe() }
    self.state = RateLimiterState(machine, longestWait: options.longestWait)
  }

  /// A limiter with a full bucket that nobody waits for.
  ///
  /// - Parameters:
  ///   - capacity: ``RateLimiterOptions/burst``.
  ///   - refillPerSecond: ``RateLimiterOptions/rate``.
  /// - Throws: ``InvalidOption`` that names the field, its value and what is allowed.
  public convenience init(
    name: String,
    capacity: Int,
    refillPerSecond: Double,
    clock: PolicyClock = .system
  ) throws(InvalidOption) {
    let options = RateLimiterOptions(rate: refillPerSecond, burst: capacity)
    try self.init(name: name, options: options, clock: clock)
  }

  // MARK: - At once

  /// Takes permits if they are there, and never waits. Fewer than one cost nothing.
  public func tryAcquire(_ permits: Int = 1) -> Bool {
    let now = self.clock.nanoseconds
    guard let refusal = self.take(Int64(permits), at: now) else { return true }
    self.announce(refusal, at: now)
    return false
  }

  /// Takes whatever is left, so that the bucket is empty: for instance when the other side said that it is overloaded.
  /// What is borrowed from the future by waiting callers stays theirs. Under contention, a thread that takes a batch in
  /// advance at this very moment may keep it: up to 15 permits, already paid for, that can be spent for 20 us more.
  public func drain() {
    let now = self.clock.nanoseconds
    self.modify(at: now) { queue, tat in
      tat = queue.machine.drained(tat: tat, at: now)
      return true
    }
  }

  // MARK: - How it stands

  /// How many permits can be taken at once.
  public var remaining: Int {
    let now = self.clock.nanoseconds
    let snapshot = self.snapshot()
    return Int(snapshot.machine.remaining(tat: snapshot.tat, queued: self.state.queuedUnits, at: now))
  }

  /// How long until so many permits can be had, if nobody else takes any: zero if now, `nil` if never, because they are
  /// more than the burst. Takes nothing.
  public func timeUntil(_ permits: Int = 1) -> Duration? {
    let wait = self.wait(for: Int64(permits), at: self.clock.nanoseconds)
    return wait < 0 ? nil : .nanoseconds(wait)
  }

  /// The counters, and how the bucket stands.
  public var stats: RateLimiterStats {
    var admitted = 0
    var refused = 0
    for index in self.stripes.indices {
      let counts = self.stripes[index].counts
      admitted &+= counts.admitted
      refused &+= counts.refused
    }
    return RateLimiterStats(
      admitted: admitted,
      refused: refused,
      waiting: self.queue.withLock { $0.callers.count },
      remaining: self.remaining,
      retryAfterNanoseconds: self.wait(for: 1, at: self.clock.nanoseconds)
    )
  }

  // MARK: - Settings

  /// The settings in force.
  public var options: RateLimiterOptions { self.queue.withLock { $0.options } }

  /// Replaces the settings. What has been taken stays taken, counted in permits; who waits keeps his place, and is
  /// refused at once if he can no longer be served in time, or asks for more than the burst now is.
  ///
  /// - Throws: ``InvalidOption``; the settings then stay as they were.
  public func reconfigure(_ options: RateLimiterOptions) throws(InvalidOption) {
    try options.validate()
    let now = self.clock.nanoseconds
    self.modify(at: now) { queue, tat in
      queue.options = options
      (queue.machine, tat) = queue.machine.reconfigured(
        rate: options.rate,
        burst: options.burst,
        tat: tat,
        at: now
      )
      self.state.replace(by: queue.machine, longestWait: options.longestWait, tat: tat)
      return true
    }
    self.events.emit(self.event(.reconfigured, at: now))
  }

  // MARK: - Events

  /// Tells a refusal of ``take(_:at:)`` to whoever listens.
  package func announce(_ refusal: Refusal, at now: Int64) {
    self.events.emit(
      self.event(
        .rejected(
          refusal.reason,
          retryAfter: refusal.rejection(by: self.name, kind: .rateLimiter).retryAfter
        ),
        at: now
      )
    )
  }

  private func event(_ occurrence: PolicyEvent.Occurrence, at now: Int64) -> PolicyEvent {
    PolicyEvent(
      kind: .rateLimiter,
      policy: self.name,
      instant: PolicyClock.Instant(nanoseconds: now),
      occurrence: occurrence
    )
  }
}
