/// The time between two attempts.
@usableFromInline
struct RetryPause {
  /// What comes after it.
  @usableFromInline
  enum WakeUp {
    /// The next attempt.
    case inTime
    /// Nothing: the deadline came first.
    case late
    /// Nothing: the caller went away.
    case cancelled
  }

  /// When the next attempt starts.
  let end: Int64
  /// What the budget paid for the attempt, if there is one.
  let withdrawal: RetryBudget.Withdrawal?
}
