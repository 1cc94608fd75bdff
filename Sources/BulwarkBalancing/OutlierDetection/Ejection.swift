/// An endpoint that a rule of ``OutlierDetectionOptions`` has found.
package struct Ejection: Hashable, Sendable {
  package enum Cause: String, Hashable, Sendable {
    case successRate
    case failurePercentage
    case committeeFailures
    case committeeLatency
  }

  package enum Outcome: Hashable, Sendable {
    /// It gets no calls until it is readmitted.
    case ejected
    /// The enforcement percentage spared it.
    case notEnforced
    /// As many as may be are left out already.
    case tooMany
    /// Without it a committee would lack stake.
    case neededForQuorum
  }

  package var id: EndpointID
  package var cause: Cause
  package var outcome: Outcome

  package init(id: EndpointID, cause: Cause, outcome: Outcome) {
    self.id = id
    self.cause = cause
    self.outcome = outcome
  }
}
