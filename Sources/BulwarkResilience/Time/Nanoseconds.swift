extension Int64 {
  /// The sum, held at the ends of what 64 bits can say.
  @inlinable
  func saturatingAdding(_ other: Int64) -> Int64 {
    let (sum, overflow) = self.addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }

  /// The difference, held at the ends of what 64 bits can say.
  @inlinable
  func saturatingSubtracting(_ other: Int64) -> Int64 {
    let (difference, overflow) = self.subtractingReportingOverflow(other)
    guard overflow else { return difference }
    return other < 0 ? .max : .min
  }

  /// The product, held at the ends of what 64 bits can say.
  @inlinable
  func saturatingMultiplied(by other: Int64) -> Int64 {
    let (product, overflow) = self.multipliedReportingOverflow(by: other)
    guard overflow else { return product }
    return (self < 0) == (other < 0) ? .max : .min
  }
}

extension Duration {
  /// The duration in whole nanoseconds, held at the ends of what 64 bits can say (about 292 years).
  var wholeNanoseconds: Int64 {
    // First, since a duration may be longer than 64 bits can say in seconds, and then its components trap.
    guard self < .nanoseconds(Int64.max) else { return .max }
    guard self > .nanoseconds(Int64.min) else { return .min }
    let (seconds, attoseconds) = self.components
    return seconds.saturatingMultiplied(by: 1_000_000_000).saturatingAdding(attoseconds / 1_000_000_000)
  }
}
