/// What a ``Timeout`` is told.
public struct TimeoutOptions: Hashable, Sendable {
  /// How long an operation may take; `nil` for any time. More than zero, at most ten years.
  public var limit: Duration?

  /// The options of a timeout; the default limit is one second.
  public init(limit: Duration? = .seconds(1)) {
    self.limit = limit
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    if let limit { try OptionCheck.duration("limit", limit, in: .nanoseconds(1) ... .longestOption) }
  }
}

/// What a ``Timeout`` has seen so far.
public struct TimeoutStats: Hashable, Sendable, Codable {
  /// Operations that were given a limit.
  public var limited: Int
  /// Those of them that were out of time.
  public var timedOut: Int
  /// The limit in nanoseconds; `nil` if there is none.
  public var limitNanoseconds: Int64?
}
