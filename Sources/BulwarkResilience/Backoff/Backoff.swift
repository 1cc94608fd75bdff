/// How the delay grows from one try to the next, before jitter.
public struct Backoff: Hashable, Sendable {
  /// The shape of the growth, with `n` counting from 1 for the first delay.
  public enum Growth: Hashable, Sendable {
    /// The base, each time.
    case constant
    /// base x n.
    case linear
    /// base x multiplier^(n - 1).
    case exponential(multiplier: Double)
  }

  /// The first delay.
  public var base: Duration
  /// The shape of the growth.
  public var growth: Growth
  /// No delay is longer, jitter included.
  public var maximum: Duration
  /// The chance in it.
  public var jitter: Jitter

  /// A backoff; the defaults give 100 ms, 200 ms, 400 ms and so on up to 30 s, each +-25 %.
  public init(
    base: Duration = .milliseconds(100),
    growth: Growth = .exponential(multiplier: 2),
    maximum: Duration = .seconds(30),
    jitter: Jitter = .ratio(0.25)
  ) {
    self.base = base
    self.growth = growth
    self.maximum = maximum
    self.jitter = jitter
  }

  /// The same delay each time, without chance.
  public static func constant(_ delay: Duration) -> Backoff {
    Backoff(base: delay, growth: .constant, maximum: delay, jitter: .none)
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range; `field` is put before its name.
  public func validate(as field: String = "backoff") throws(InvalidOption) {
    try OptionCheck.duration("\(field).base", self.base, in: .zero ... .longestOption)
    try OptionCheck.duration("\(field).maximum", self.maximum, in: self.base ... .longestOption)
    if case .exponential(let multiplier) = self.growth {
      try OptionCheck.number("\(field).multiplier", multiplier, in: 1...1000)
    }
    if case .ratio(let ratio) = self.jitter {
      try OptionCheck.number("\(field).jitter", ratio, in: 0...1)
    }
  }

  /// The delay before a try.
  ///
  /// - Parameters:
  ///   - number: Which delay it is, from 1.
  ///   - previous: The delay before it in this sequence, jitter included, or `nil` for the first.
  ///   - generator: Where the jitter comes from.
  public func delay(
    _ number: Int,
    after previous: Duration? = nil,
    using generator: inout some RandomNumberGenerator
  ) -> Duration {
    .nanoseconds(self.nanoseconds(number, after: previous?.wholeNanoseconds, using: &generator))
  }

  func nanoseconds(_ number: Int, after previous: Int64?, using generator: inout some RandomNumberGenerator)
    -> Int64
  {
    let base = self.base.wholeNanoseconds
    let maximum = self.maximum.wholeNanoseconds
    let planned = min(self.planned(max(number, 1), base: base), maximum)
    return self.jitter.apply(to: planned, base: base, previous: previous, maximum: maximum, using: &generator)
  }

  private func planned(_ number: Int, base: Int64) -> Int64 {
    switch self.growth {
    case .constant: return base
    case .linear: return base.saturatingMultiplied(by: Int64(number))
    case .exponential(let multiplier):
      // Repeated squaring in floating point saturates at infinity, where an integer power would overflow.
      var power = 1.0
      var factor = multiplier
      var exponent = number - 1
      while exponent > 0, power.isFinite {
        if exponent & 1 == 1 { power *= factor }
        factor *= factor
        exponent >>= 1
      }
      return Int64(saturating: Double(base) * power)
    }
  }
}

extension Int64 {
  /// The whole part of a number, held at the ends of what 64 bits can say; zero for a NaN.
  init(saturating value: Double) {
    if let exact = Int64(exactly: value.rounded(.towardZero)) {
      self = exact
    } else {
      self = value.isNaN ? 0 : value < 0 ? .min : .max
    }
  }
}
