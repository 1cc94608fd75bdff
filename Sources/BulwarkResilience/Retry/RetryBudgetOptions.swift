/// How a ``RetryBudget`` grows and shrinks.
public enum RetryBudgetOptions: Hashable, Sendable {
  /// Retries may be a share of the requests of the last `window`, and a few each second beside that, so that a client
  /// with little to do can retry, too (the form of Finagle and linkerd).
  ///
  /// - `ofRequests`: Retries per request: 0 to 1,000.
  /// - `minimumPerSecond`: Retries per second whatever the requests: 0 to 1,000,000.
  /// - `window`: How long a request counts; it does so for seven to eight eighths of it. 1 s to 1 h.
  case ratio(ofRequests: Double = 0.2, minimumPerSecond: Double = 10, window: Duration = .seconds(10))

  /// A failure costs a token, a success gives back a part of one, and retries are made while more than half of the
  /// tokens are there (gRFC A6, "throttling retry attempts and hedged RPCs").
  ///
  /// - `maximum`: How many tokens there are at most, and at first: 1 to 1,000,000.
  /// - `ratio`: What a success gives back, in whole thousandths: 0.001 to 1,000.
  case tokens(maximum: Int = 10, ratio: Double = 0.1)

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    switch self {
    case .ratio(let ofRequests, let minimumPerSecond, let window):
      try OptionCheck.number("budget.ofRequests", ofRequests, in: 0...1000)
      try OptionCheck.number("budget.minimumPerSecond", minimumPerSecond, in: 0...1_000_000)
      try OptionCheck.duration("budget.window", window, in: .seconds(1) ... .seconds(3600))
    case .tokens(let maximum, let ratio):
      try OptionCheck.integer("budget.maximum", maximum, in: 1...1_000_000)
      try OptionCheck.number("budget.ratio", ratio, in: 0.001...1000)
    }
  }
}

/// What a ``RetryBudget`` has seen so far.
public struct RetryBudgetStats: Hashable, Sendable, Codable {
  /// Retries that it paid for.
  public var withdrawn: Int
  /// Retries that it refused.
  public var refused: Int
  /// How many retries it would pay for at this moment.
  public var available: Int
}
