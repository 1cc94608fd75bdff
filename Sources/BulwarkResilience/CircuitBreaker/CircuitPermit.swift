/// The right to make one call. It is settled once: by ``settle(as:)``, or as neutral where it is let go.
public struct CircuitPermit: ~Copyable, Sendable {
  private let breaker: CircuitBreaker
  private let ticket: CircuitTicket
  private var verdict = Verdict.neutral

  init(_ breaker: CircuitBreaker, _ ticket: CircuitTicket) {
    self.breaker = breaker
    self.ticket = ticket
  }

  /// Says how the call went.
  public consuming func settle(as verdict: Verdict) {
    self.verdict = verdict
  }

  deinit {
    self.breaker.end(self.ticket, as: self.verdict)
  }
}

extension CircuitBreaker {
  /// Asks for one call, for those who cannot hand it over as a closure.
  ///
  ///     let permit = try breaker.allow()
  ///     let verdict: Verdict = send(request) ? .success : .failure
  ///     permit.settle(as: verdict)
  ///
  /// - Throws: ``Rejection`` if the circuit does not let it pass. Nothing is to be settled then.
  public func allow() throws(Rejection) -> CircuitPermit {
    CircuitPermit(self, try self.begin())
  }
}
