/// What a ``Retry`` is told.
public struct RetryOptions: Hashable, Sendable {
  /// How many attempts there are at most, the first one included: 1 to 100.
  public var maximumAttempts: Int
  /// The delays between them.
  public var backoff: Backoff
  /// No pushback longer than this is waited for: the policy gives up instead. Zero to ten years.
  public var maximumPushback: Duration
  /// How long everything may take, delays included; `nil` for any time. More than zero, at most ten years.
  public var totalTimeout: Duration?
  /// How long an attempt may take; `nil` for any time. More than zero, at most ten years.
  public var attemptTimeout: Duration?

  /// The options of a retry; by default four attempts with 100, 200 and 400 ms between them, each +-25 %.
  public init(
    maximumAttempts: Int = 4,
    backoff: Backoff = Backoff(),
    maximumPushback: Duration = .seconds(30),
    totalTimeout: Duration? = nil,
    attemptTimeout: Duration? = nil
  ) {
    self.maximumAttempts = maximumAttempts
    self.backoff = backoff
    self.maximumPushback = maximumPushback
    self.totalTimeout = totalTimeout
    self.attemptTimeout = attemptTimeout
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    try OptionCheck.integer("maximumAttempts", self.maximumAttempts, in: 1...100)
    try self.backoff.validate()
    try OptionCheck.duration("maximumPushback", self.maximumPushback, in: .zero ... .longestOption)
    let limits = Duration.nanoseconds(1)...Duration.longestOption
    if let totalTimeout { try OptionCheck.duration("totalTimeout", totalTimeout, in: limits) }
    if let attemptTimeout { try OptionCheck.duration("attemptTimeout", attemptTimeout, in: limits) }
  }
}
