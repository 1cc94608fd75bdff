/// What a ``Hedge`` is told.
public struct HedgeOptions: Hashable, Sendable {
  /// How many attempts there are at most, the first one included: 1 to 16.
  public var maximumAttempts: Int
  /// How long an attempt is given before the next one starts beside it; zero starts all at once. Zero to ten years.
  public var delay: Duration
  /// No pushback longer than this is waited for: no further attempt is made instead. Zero to ten years.
  public var maximumPushback: Duration

  /// The options of a hedge; by default a second attempt starts beside the first after 100 ms.
  public init(
    maximumAttempts: Int = 2,
    delay: Duration = .milliseconds(100),
    maximumPushback: Duration = .seconds(30)
  ) {
    self.maximumAttempts = maximumAttempts
    self.delay = delay
    self.maximumPushback = maximumPushback
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    try OptionCheck.integer("maximumAttempts", self.maximumAttempts, in: 1...16)
    try OptionCheck.duration("delay", self.delay, in: .zero ... .longestOption)
    try OptionCheck.duration("maximumPushback", self.maximumPushback, in: .zero ... .longestOption)
  }
}

/// What a ``Hedge`` has seen so far.
public struct HedgeStats: Hashable, Sendable, Codable {
  /// Operations that were started.
  public var operations: Int
  /// Attempts beyond the first.
  public var hedges: Int
  /// Operations whose answer came from an attempt beyond the first.
  public var wonByHedge: Int
  /// Operations for which no further attempt was made because the retry budget was spent.
  public var gaveUpBudgetExhausted: Int
  /// Operations for which no further attempt was made because it would have come too late, or only after too long a
  /// pushback.
  public var gaveUpDeadline: Int
  /// The budget's own stats, if there is one.
  public var budget: RetryBudgetStats?
}
