/// What a ``Retry`` has seen so far.
public struct RetryStats: Hashable, Sendable, Codable {
  /// Operations that were started.
  public var operations: Int
  /// Attempts beyond the first.
  public var retries: Int
  /// Operations whose outcome stood after at least one retry.
  public var recovered: Int
  /// Operations whose last attempt was to be repeated, too, when all attempts were used up.
  public var exhausted: Int
  /// Operations given up because the next attempt would have come too late, or only after too long a pushback.
  public var gaveUpDeadline: Int
  /// Operations given up because the circuit would still have been open.
  public var gaveUpCircuitOpen: Int
  /// Operations given up because the retry budget was spent.
  public var gaveUpBudgetExhausted: Int
  /// Operations whose caller went away while they waited for the next attempt.
  public var cancelled: Int
  /// Attempts that ran out of their time.
  public var timedOutAttempts: Int
  /// The budget's own stats, if there is one.
  public var budget: RetryBudgetStats?
}
