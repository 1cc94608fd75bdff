/// The answer of the inner three policies together to an attempt that wants to start.
@usableFromInline
package enum StackEntry: Sendable {
  /// All admitted it. The ticket is the circuit breaker's.
  case admitted(CircuitTicket)
  /// One refused; the others have back what they gave.
  case rejected(Rejection)
  /// The task was cancelled while it waited; nothing is held.
  case cancelled
}

/// When an attempt must have ended.
@usableFromInline
struct StackDeadline: Sendable {
  @usableFromInline let nanoseconds: Int64?
  /// Whether it is a limit of the stack's own, which leaves the callee its fair time: who overruns it has failed. A
  /// deadline of the caller's says nothing about the callee.
  @usableFromInline let isFair: Bool

  @usableFromInline
  init(_ nanoseconds: Int64?, isFair: Bool) {
    self.nanoseconds = nanoseconds
    self.isFair = isFair
  }
}

/// What an attempt takes of the policies that count.
@usableFromInline
package struct StackCost: Sendable {
  @usableFromInline let tokens: Int64
  @usableFromInline let weight: Int

  /// So many tokens of the limiter and permits of the bulkhead; less than one counts as one.
  @usableFromInline
  package init(tokens: Int, weight: Int) {
    self.tokens = Int64(max(tokens, 1))
    self.weight = max(weight, 1)
  }
}

extension ResilienceStack {
  /// Takes what an attempt needs from all three, or refuses it, if none has to be waited for. Who is admitted owes one
  /// ``leave(_:_:_:)`` with the ticket and the same cost. Neither locks nor allocates in a closed circuit.
  ///
  /// - Parameters:
  ///   - now: The present on the policies' clock, in nanoseconds.
  ///   - deadline: The instant from which on no attempt starts, in nanoseconds of that clock.
  /// - Returns: `nil` if one would have to be waited for, or only its lock can tell; nothing is held then.
  @usableFromInline
  package func enter(at now: Int64, _ cost: StackCost, deadline: Int64?) -> StackEntry? {
    if let deadline, now >= deadline { return .rejected(self.tooLate) }
    let ticket: CircuitTicket
    switch self.admit(at: now) {
    case .admitted(let admitted): ticket = admitted
    case .refused(let refusal): return .rejected(self.rejection(refusal))
    }
    // Optional chaining all along: to bind one of them would retain and release it, and two cores that do that to the
    // same policy are half as fast.
    switch self.rateLimiter?.request(cost.tokens, until: deadline ?? .max, at: now) ?? .granted {
    case .granted: break
    case .refused(let refusal):
      self.circuitBreaker?.withdraw(ticket, at: now)
      return .rejected(refusal.rejection(by: self.rateLimiter?.name ?? "", kind: .rateLimiter))
    case .mayWait:
      self.circuitBreaker?.withdraw(ticket, at: now)
      return nil
    }
    guard self.bulkhead?.takeIfFree(weight: cost.weight) ?? true else {
      if self.rateLimiter != nil {
        // Read anew: what has drained since must not come back, and a thread can stand still in between.
        self.rateLimiter?.refund(cost.tokens, taken: now, at: self.clock.nanoseconds)
      }
      self.circuitBreaker?.withdraw(ticket, at: now)
      guard let refusal = self.bulkhead?.refuseIfHopeless(weight: cost.weight) else { return nil }
      return .rejected(refusal.rejection(by: self.bulkhead?.name ?? "", kind: .bulkhead))
    }
    return .admitted(ticket)
  }

  /// Takes what an attempt needs from all three, waiting where that is allowed.
  ///
  /// The breaker is asked before the wait, so that nobody waits in vain, and for good after it: no half-open circuit
  /// has its probe waiting in a queue, and no attempt starts in a circuit that opened in the meantime.
  @usableFromInline
  package func enterAfterWait(_ cost: StackCost, _ priority: BulkheadPriority, deadline: Int64?) async
    -> StackEntry
  {
    // Before the wait: dated too early, the tokens are taken for drained in part, and come back in part.
    let taken = self.clock.nanoseconds
    if let rateLimiter {
      switch await rateLimiter.turn(cost.tokens, until: deadline ?? .max) {
      case .granted: break
      case .refused(let refusal):
        return .rejected(refusal.rejection(by: rateLimiter.name, kind: .rateLimiter))
      case .cancelled: return .cancelled
      }
    }
    if let bulkhead {
      let answer = await bulkhead.acquire(weight: cost.weight, priority, deadline: deadline)
      if answer != .admitted {
        self.rateLimiter?.refund(cost.tokens, taken: taken, at: self.clock.nanoseconds)
      }
      switch answer {
      case .admitted: break
      case .refused(let refusal): return .rejected(refusal.rejection(by: bulkhead.name, kind: .bulkhead))
      case .cancelled: return .cancelled
      }
    }
    let now = self.clock.nanoseconds
    let rejection: Rejection
    if let deadline, now >= deadline {
      rejection = self.tooLate
    } else {
      switch self.admit(at: now) {
      case .admitted(let ticket): return .admitted(ticket)
      case .refused(let refusal): rejection = self.rejection(refusal)
      }
    }
    self.bulkhead?.release(weight: cost.weight)
    self.rateLimiter?.refund(cost.tokens, taken: taken, at: now)
    return .rejected(rejection)
  }

  /// Gives the place back and tells the breaker how the attempt went: once for each attempt that was admitted.
  @usableFromInline
  package func leave(_ ticket: CircuitTicket, _ cost: StackCost, _ verdict: Verdict) {
    self.bulkhead?.release(weight: cost.weight)
    guard ticket.generation > 0 else { return }
    self.circuitBreaker?.end(ticket, as: verdict)
  }

  /// The refusal of an attempt that would begin at its deadline or later: the caller's own, if no timeout set it.
  private var tooLate: Rejection {
    let name = self.timeout?.name ?? self.attemptTimeout?.name ?? "deadline"
    return Rejection(kind: .timeout, policy: name, reason: .deadline)
  }

  private func admit(at now: Int64) -> CircuitAdmission {
    self.circuitBreaker?.admit(at: now) ?? .admitted(.uncounted(at: now))
  }

  private func rejection(_ refusal: Refusal) -> Rejection {
    refusal.rejection(by: self.circuitBreaker?.name ?? "", kind: .circuitBreaker)
  }
}
