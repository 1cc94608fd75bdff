import BulwarkCore
import BulwarkResilience
import Synchronization

/// The policies that decide about a call as it arrives, and the order in which they do: circuit breaker, rate limiter,
/// bulkhead. All give, or none: where a later one refuses, the earlier ones get back what they gave.
final class AdmissionPlan: Sendable {
  private let policies: CallPolicies
  private let shadowed: ShadowedPolicies
  private let classifier: OutcomeClassifier
  private let weight: Int
  private let priority: BulkheadPriority
  private let clock: PolicyClock
  /// The last refusal as the client is told: in a flood the next one says the same, to the millisecond.
  private let lastRejection = Mutex<(rejection: Rejection, error: RPCError)?>(nil)

  init(_ policy: MethodPolicy, _ policies: CallPolicies, clock: PolicyClock) {
    self.policies = policies
    self.shadowed = ShadowedPolicies(of: policy)
    self.classifier = OutcomeClassifier(policy.circuitBreaker)
    self.weight = policy.bulkhead?.weight ?? 1
    self.priority = (policy.bulkhead?.priority ?? .normal).rank
    self.clock = clock
  }

  /// The same with the policies of one peer.
  init(_ other: AdmissionPlan, _ policies: CallPolicies) {
    self.policies = policies
    self.shadowed = other.shadowed
    self.classifier = other.classifier
    self.weight = other.weight
    self.priority = other.priority
    self.clock = other.clock
  }

  /// Whether these are the policies that it asks.
  func stands(on policies: CallPolicies) -> Bool {
    self.policies.circuitBreaker === policies.circuitBreaker
      && self.policies.rateLimiter === policies.rateLimiter && self.policies.bulkhead === policies.bulkhead
  }

  /// Decides about a call. Neither locks nor allocates where nothing is refused and nobody waits.
  func admit(_ call: ArrivingCall) -> Admission {
    guard !self.policies.isEmpty else { return .admitted }
    let now = self.clock.nanoseconds(ifSystem: call.arrival.nanoseconds)
    let ticket: CircuitTicket
    switch self.enterCircuit(at: now) {
    case .admitted(let admitted): ticket = admitted
    case .refused(let refusal): return self.rejected(refusal, .circuitBreaker)
    }
    if let refusal = self.takeToken(at: now) {
      self.policies.circuitBreaker?.withdraw(ticket, at: now)
      return self.rejected(refusal, .rateLimiter)
    }
    // Optional chaining, here and above: to bind a policy would retain and release it for each call.
    guard self.policies.bulkhead != nil else {
      return self.policies.circuitBreaker == nil ? .admitted : .holding(CircuitAdmissionPermit(self, ticket))
    }
    guard !self.shadowed.contains(.bulkhead) else {
      let isFull = self.policies.bulkhead?.take(weight: self.weight) != nil
      return .holding(isFull ? CircuitAdmissionPermit(self, ticket) : PlaceAdmissionPermit(self, ticket))
    }
    // Its deadline is later than its arrival, so a place that is free needs no look at the clock.
    if self.policies.bulkhead?.takeIfFree(weight: self.weight) ?? true {
      return .holding(PlaceAdmissionPermit(self, ticket))
    }
    return self.lineUp(call, ticket, at: now)
  }

  /// A place in the bulkhead's queue, if it has one.
  private func lineUp(_ call: ArrivingCall, _ ticket: CircuitTicket, at now: Int64) -> Admission {
    let reservation =
      self.policies.bulkhead?.reserve(
        weight: self.weight,
        priority: self.priority,
        deadline: call.deadline?.nanoseconds
      ) ?? .admitted
    switch reservation {
    case .admitted:
      return .holding(PlaceAdmissionPermit(self, ticket))
    case .refused(let refusal):
      self.withdraw(ticket, at: now)
      return self.rejected(refusal, .bulkhead)
    case .queued(let place):
      // A half-open circuit must not have its probe waiting in a queue: it is asked again when the wait is over.
      self.policies.circuitBreaker?.withdraw(ticket, at: now)
      return .waiting { [self] () async throws(RPCError) in try await self.wait(in: place, since: now) }
    }
  }

  private func wait(in place: BulkheadPlace, since arrival: Int64) async throws(RPCError)
    -> any AdmissionPermit
  {
    let refusal: (Refusal, PolicyKind)
    switch await place.wait() {
    case .admitted:
      let now = self.clock.nanoseconds
      switch self.enterCircuit(at: now) {
      case .admitted(let ticket): return PlaceAdmissionPermit(self, ticket)
      case .refused(let refused):
        self.policies.bulkhead?.release(weight: self.weight)
        refusal = (refused, .circuitBreaker)
      }
    case .refused(let refused):
      refusal = (refused, .bulkhead)
    case .cancelled:
      self.refundToken(of: arrival)
      throw RPCError(code: .cancelled, message: "the call ended while it waited for a place")
    }
    self.refundToken(of: arrival)
    throw RPCError(self.rejection(refusal.0, refusal.1))
  }

  // MARK: - Steps

  private func enterCircuit(at now: Int64) -> CircuitAdmission {
    let admission = self.policies.circuitBreaker?.admit(at: now) ?? .admitted(.uncounted(at: now))
    if case .refused = admission, self.shadowed.contains(.circuitBreaker) {
      return .admitted(.uncounted(at: now))
    }
    return admission
  }

  private func takeToken(at now: Int64) -> Refusal? {
    guard let refusal = self.policies.rateLimiter?.take(1, at: now) else { return nil }
    self.policies.rateLimiter?.announce(refusal, at: now)
    return self.shadowed.contains(.rateLimiter) ? nil : refusal
  }

  private func refundToken(of arrival: Int64) {
    self.policies.rateLimiter?.refund(1, taken: arrival, at: self.clock.nanoseconds)
  }

  /// The call does not begin after all.
  private func withdraw(_ ticket: CircuitTicket, at now: Int64) {
    self.policies.circuitBreaker?.withdraw(ticket, at: now)
    self.refundToken(of: ticket.start)
  }

  private func rejected(_ refusal: Refusal, _ kind: PolicyKind) -> Admission {
    let rejection = self.rejection(refusal, kind).inWholeMilliseconds
    if let known = self.lastRejection.withLock({ $0 }), known.rejection == rejection {
      return .rejected(known.error)
    }
    let error = RPCError(rejection)
    self.lastRejection.withLock { $0 = (rejection, error) }
    return .rejected(error)
  }

  private func rejection(_ refusal: Refusal, _ kind: PolicyKind) -> Rejection {
    let name =
      switch kind {
      case .circuitBreaker: self.policies.circuitBreaker?.name
      case .rateLimiter: self.policies.rateLimiter?.name
      default: self.policies.bulkhead?.name
      }
    return refusal.rejection(by: name ?? "", kind: kind)
  }

  // MARK: - The end

  fileprivate func settle(_ ticket: CircuitTicket, _ outcome: AdmissionOutcome, holdsPlace: Bool) {
    if holdsPlace { self.policies.bulkhead?.release(weight: self.weight) }
    switch outcome {
    case .withdrawn: self.withdraw(ticket, at: self.clock.nanoseconds)
    case .abandoned: self.policies.circuitBreaker?.end(ticket, as: .neutral)
    case .answered(.ok): self.policies.circuitBreaker?.end(ticket, as: .success)
    case .answered(let code):
      let now = self.clock.nanoseconds
      let verdict = self.classifier.verdict(on: code, after: now &- ticket.start)
      self.policies.circuitBreaker?.settle(ticket, as: verdict, at: now)
    }
  }
}

/// What a call holds whose outcome the circuit breaker waits for.
private struct CircuitAdmissionPermit: AdmissionPermit {
  private let plan: AdmissionPlan
  private let ticket: CircuitTicket

  init(_ plan: AdmissionPlan, _ ticket: CircuitTicket) {
    self.plan = plan
    self.ticket = ticket
  }

  func settle(_ outcome: AdmissionOutcome) { self.plan.settle(self.ticket, outcome, holdsPlace: false) }
}

/// What a call holds that has a place in the bulkhead.
private struct PlaceAdmissionPermit: AdmissionPermit {
  private let plan: AdmissionPlan
  private let ticket: CircuitTicket

  init(_ plan: AdmissionPlan, _ ticket: CircuitTicket) {
    self.plan = plan
    self.ticket = ticket
  }

  func settle(_ outcome: AdmissionOutcome) { self.plan.settle(self.ticket, outcome, holdsPlace: true) }
}
