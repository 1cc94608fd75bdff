/// What a ``KeyedRateLimiter`` did so far for all keys together, and how many it knows.
public struct KeyedRateLimiterStats: Hashable, Sendable, Codable {
  /// Requests that passed, without those that were rolled back.
  public var admitted: Int
  /// Requests that were refused.
  public var refused: Int
  /// Of these, the ones of new keys that there was no place for.
  public var refusedForRoom: Int
  /// Keys that are known: all that owe permits, and some that have paid.
  public var keys: Int
  /// The most keys that can be known.
  public var maximumKeys: Int
}
