/// The breaker as the threads of one stripe use it, and what a permit keeps alive.
///
/// Counting the references to the breaker itself, or its calls in one word, would have all cores write to the same
/// memory. So there are four of these, each with a count of references and a tally of its own.
final class CircuitStripe: Sendable {
  // Beside the count of references: what one thread writes lies together, and 80 bytes from what its neighbour writes.
  let tally = CircuitTally()
  private let core: CircuitCore
  let events: PolicyEvents
  let name: String
  private let padding: UInt64 = 0

  init(of core: CircuitCore, name: String, events: PolicyEvents) {
    self.core = core
    self.name = name
    self.events = events
  }

  /// A call wants to start.
  @inline(__always)
  func admit(at now: Int64) -> CircuitAdmission {
    let admission = self.core.gate.admit(at: now, counting: self.tally) ?? self.ask(at: now)
    if case .refused(let refusal) = admission {
      self.tell(.rejected(refusal.reason, retryAfter: refusal.retryAfterDuration), at: now)
    }
    return admission
  }

  /// ``admit(at:)`` now, for the doors that users come in by.
  @inline(__always)
  func begin() throws(Rejection) -> CircuitTicket {
    switch self.admit(at: self.core.clock.nanoseconds) {
    case .admitted(let ticket): return ticket
    case .refused(let refusal): throw refusal.rejection(by: self.name, kind: .circuitBreaker)
    }
  }

  /// A call that was admitted has ended.
  @inline(__always)
  func settle(_ ticket: CircuitTicket, as verdict: Verdict, at now: Int64) {
    if verdict == .success, self.core.gate.settleSuccess(ticket, at: now, counting: self.tally) { return }
    guard ticket.generation != 0 else { return }
    self.report(ticket, as: verdict, at: now)
  }

  /// ``settle(_:as:at:)`` now.
  // Not inlined: while the end of a permit lets go of the stripe, the core would be retained for the call.
  @inline(never)
  func end(_ ticket: CircuitTicket, as verdict: Verdict) {
    if verdict == .success,
      self.core.gate.settleSuccess(ticket, atAbout: self.core.clock.coarseNanoseconds, counting: self.tally)
    {
      return
    }
    self.settle(ticket, as: verdict, at: self.core.clock.nanoseconds)
  }

  /// A call that was admitted is not made after all.
  func withdraw(_ ticket: CircuitTicket) {
    guard ticket.generation != 0, !self.core.gate.admits(ticket) else { return }
    self.core.change { $0.withdraw(ticket) }
  }

  @inline(never)
  private func ask(at now: Int64) -> CircuitAdmission {
    let (admission, transition) = self.core.decide { machine, jitter in
      machine.admit(at: now, using: &jitter)
    }
    self.tell(transition, at: now)
    return admission
  }

  @inline(never)
  private func report(_ ticket: CircuitTicket, as verdict: Verdict, at now: Int64) {
    let (_, transition) = self.core.decide { machine, jitter in
      ((), machine.settle(ticket, as: verdict, at: now, using: &jitter))
    }
    self.tell(transition, at: now)
  }

  // MARK: - Events

  func tell(_ transition: CircuitTransition?, at now: Int64) {
    guard let transition else { return }
    self.tell(.transitioned(transition), at: now)
  }

  @inline(__always)
  func tell(_ occurrence: @autoclosure () -> PolicyEvent.Occurrence, at now: Int64) {
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
