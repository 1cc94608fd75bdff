import Synchronization

/// What a retry counts of the operations whose first attempt did not stand.
struct RetryCounts: ~Copyable, Sendable {
  let retries = Atomic(0)
  let recovered = Atomic(0)
  let cancelled = Atomic(0)
  let timedOutAttempts = Atomic(0)
  let exhausted = Atomic(0)
  private let gaveUpDeadline = Atomic(0)
  private let gaveUpCircuitOpen = Atomic(0)
  private let gaveUpBudgetExhausted = Atomic(0)

  /// Another attempt was allowed and asked for, and is not made.
  func gaveUp(_ reason: Rejection.Reason) {
    switch reason {
    case .deadline: self.gaveUpDeadline.wrappingAdd(1, ordering: .relaxed)
    case .circuitOpen: self.gaveUpCircuitOpen.wrappingAdd(1, ordering: .relaxed)
    case .budgetExhausted: self.gaveUpBudgetExhausted.wrappingAdd(1, ordering: .relaxed)
    default: break
    }
  }

  func stats(operations: Int, budget: RetryBudgetStats?) -> RetryStats {
    RetryStats(
      operations: operations,
      retries: self.retries.load(ordering: .relaxed),
      recovered: self.recovered.load(ordering: .relaxed),
      exhausted: self.exhausted.load(ordering: .relaxed),
      gaveUpDeadline: self.gaveUpDeadline.load(ordering: .relaxed),
      gaveUpCircuitOpen: self.gaveUpCircuitOpen.load(ordering: .relaxed),
      gaveUpBudgetExhausted: self.gaveUpBudgetExhausted.load(ordering: .relaxed),
      cancelled: self.cancelled.load(ordering: .relaxed),
      timedOutAttempts: self.timedOutAttempts.load(ordering: .relaxed),
      budget: budget
    )
  }
}
