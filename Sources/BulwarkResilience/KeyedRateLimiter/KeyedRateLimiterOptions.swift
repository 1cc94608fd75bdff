/// How much a ``KeyedRateLimiter`` lets through for each key, and how many keys it knows at a time.
public struct KeyedRateLimiterOptions: Hashable, Sendable {
  /// Permits that come back to each key per second. 0.000001 to 10,000,000,000; 100 by default.
  public var rate: Double
  /// Permits that a key can take at once after a pause. At least 1, and no more than come back within a year; 100 by
  /// default.
  public var burst: Int
  /// How many keys can owe permits at the same time. 1 to 10,000,000; 10,000 by default. With more than 1,024 they are
  /// spread over up to 16 shards by their hash, so that one shard may fill up a few percent before all do.
  public var maximumKeys: Int

  /// Limits that hold for each key by itself.
  public init(rate: Double = 100, burst: Int = 100, maximumKeys: Int = 10_000) {
    self.rate = rate
    self.burst = burst
    self.maximumKeys = maximumKeys
  }

  /// Checks each option against its range.
  public func validate() throws(InvalidOption) {
    try RateLimiterOptions.validate(rate: self.rate, burst: self.burst)
    try OptionCheck.integer("maximumKeys", self.maximumKeys, in: 1...10_000_000)
  }
}
