/// A balancing option with a value that cannot be worked with.
public struct InvalidBalancingOption: Error, Hashable, Sendable, CustomStringConvertible {
  /// The option's name, with its path where options nest: `successRateEjection.stdevFactor`.
  public var field: String
  /// The value that was given.
  public var value: String
  /// What it may be: `0 to 100`.
  public var allowed: String

  /// A value outside what its option allows.
  public init(field: String, value: String, allowed: String) {
    self.field = field
    self.value = value
    self.allowed = allowed
  }

  public var description: String { "\(self.field) is \(self.value); allowed: \(self.allowed)" }
}

/// Checks one option after the other; the first that is out of range throws.
enum OptionCheck {
  /// A value within a range; a NaN lies in none.
  static func range<Value: Comparable>(_ field: String, _ value: Value, in range: ClosedRange<Value>)
    throws(InvalidBalancingOption)
  {
    guard !range.contains(value) else { return }
    throw InvalidBalancingOption(
      field: field,
      value: "\(value)",
      allowed: "\(range.lowerBound) to \(range.upperBound)"
    )
  }
}

extension Duration {
  /// The longest time that an option takes: ten years, far from where sums of nanoseconds saturate.
  static let longestOption = Duration.seconds(10 * 365 * 86_400)
}
