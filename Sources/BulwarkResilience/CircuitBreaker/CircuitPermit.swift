/// The right to make one call. It is settled once: by ``settle(as:)``, or as neutral where it is let go.
public struct CircuitPermit: ~Copyable, Sendable {
  private let stripe: CircuitStripe
  private let ticket: CircuitTicket
  private var verdict = Verdict.neutral

  init(_ stripe: CircuitStripe, _ ticket: CircuitTicket) {
    self.stripe = stripe
    self.ticket = ticket
  }

  /// Says how the call went.
  public consuming func settle(as verdict: Verdict) {
    self.verdict = verdict
  }

  deinit {
    self.stripe.end(self.ticket, as: self.verdict)
  }
}
