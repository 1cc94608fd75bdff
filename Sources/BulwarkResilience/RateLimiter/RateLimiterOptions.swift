/// How much a ``RateLimiter`` lets through, and who may wait for it.
public struct RateLimiterOptions: Hashable, Sendable {
  /// Permits that come back per second, in the long run. 0.000001 to 10,000,000,000; 100 by default.
  public var rate: Double
  /// Permits that can be taken at once after a pause: the bucket's capacity. At least 1, and no more than come back
  /// within a year; 100 by default. A request for more is refused for good.
  public var burst: Int
  /// How many callers may wait for permits at the same time. 0 to 1,000,000; 0 by default: nobody waits.
  public var queueLimit: Int
  /// The longest that a caller waits, unless it asks for less. 0 s to a year; 1 s by default.
  public var maximumWait: Duration

  /// A rate in permits per second.
  public init(
    rate: Double = 100,
    burst: Int = 100,
    queueLimit: Int = 0,
    maximumWait: Duration = .seconds(1)
  ) {
    self.rate = rate
    self.burst = burst
    self.queueLimit = queueLimit
    self.maximumWait = maximumWait
  }

  /// A rate in permits per period, such as five per minute. They come back evenly, not all at its end.
  public init(
    permits: Int,
    per period: Duration,
    burst: Int,
    queueLimit: Int = 0,
    maximumWait: Duration = .seconds(1)
  ) {
    let rate = Double(permits) / (period / .seconds(1))
    self.init(rate: rate, burst: burst, queueLimit: queueLimit, maximumWait: maximumWait)
  }

  /// The longest that anybody may wait, in nanoseconds; -1 if nobody may.
  var longestWait: Int64 { self.queueLimit > 0 ? self.maximumWait.wholeNanoseconds : -1 }

  /// Checks each option against its range.
  public func validate() throws(InvalidOption) {
    try Self.validate(rate: self.rate, burst: self.burst)
    try OptionCheck.integer("queueLimit", self.queueLimit, in: 0...1_000_000)
    try OptionCheck.duration("maximumWait", self.maximumWait, in: .zero ... .seconds(31_536_000))
  }

  /// Checks what every limiter has.
  static func validate(rate: Double, burst: Int) throws(InvalidOption) {
    try OptionCheck.number("rate", rate, in: 1e-6...1e10)
    let secondsPerYear = 31_536_000.0
    try OptionCheck.integer("burst", burst, in: 1...max(1, Int(rate * secondsPerYear)))
  }
}
