/// What a ``RateLimiter`` did so far, and how it stands.
///
/// The counters of different threads are read one after the other, so that figures of one moment may differ by what
/// happened while they were read.
public struct RateLimiterStats: Hashable, Sendable, Codable {
  /// Requests that passed, at once or after a wait, without those that were rolled back.
  public var admitted: Int
  /// Requests that were refused; neither here nor there is one whose task was cancelled while it waited.
  public var refused: Int
  /// Callers who wait.
  public var waiting: Int
  /// Permits that can be taken at once, by somebody who does not wait.
  public var remaining: Int
  /// Nanoseconds until one permit could be had; 0 if it can be now.
  public var retryAfterNanoseconds: Int64
}
