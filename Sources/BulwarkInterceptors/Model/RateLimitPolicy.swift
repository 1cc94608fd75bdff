public import BulwarkResilience

/// `rate_limit`: lets calls through at a rate, with bursts.
///
/// What is left open has the default of `RateLimiterOptions`. On a server calls never wait for a token: they are told
/// when to come back.
public struct RateLimitPolicy: CountingPolicy {
  /// Calls per second, in the long run.
  public var rate: Double?
  /// Calls that can be made at once after a pause.
  public var burst: Int?
  /// How many calls may wait for a token on a client.
  public var queueLimit: Int?
  /// The longest that a call waits for a token on a client.
  public var maximumWait: Duration?
  public var name: String?
  public var mode: PolicyMode?
  public var scope: PolicyScope?
  public var sides: PolicySides?
  public var maximumPeers: Int?

  public init() {}

  public static let fields: [PolicyField<Self>] =
    [
      PolicyField("rate", \.rate), PolicyField("burst", \.burst), PolicyField("queue_limit", \.queueLimit),
      PolicyField("maximum_wait", \.maximumWait),
    ] + Self.commonFields

  /// The settings with defaults where something was left open.
  public var options: RateLimiterOptions {
    var options = RateLimiterOptions()
    if let rate { options.rate = rate }
    if let burst { options.burst = burst }
    if let queueLimit { options.queueLimit = queueLimit }
    if let maximumWait { options.maximumWait = maximumWait }
    return options
  }
}
