/// An option with a value that its policy cannot work with.
public struct InvalidOption: Error, Hashable, Sendable, CustomStringConvertible {
  /// The option's name, with its path where options nest: `window.buckets`.
  public var field: String
  /// The value that was given.
  public var value: String
  /// What it may be: `0 < value <= 1`, `1 to 1,000,000`.
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
  /// A whole number within a range.
  static func integer(_ field: String, _ value: Int, in range: ClosedRange<Int>) throws(InvalidOption) {
    guard !range.contains(value) else { return }
    throw InvalidOption(
      field: field,
      value: "\(value)",
      allowed: "\(range.lowerBound) to \(range.upperBound)"
    )
  }

  /// A number within a range; a NaN lies in none.
  static func number(_ field: String, _ value: Double, in range: ClosedRange<Double>) throws(InvalidOption) {
    guard !range.contains(value) else { return }
    throw InvalidOption(
      field: field,
      value: "\(value)",
      allowed: "\(range.lowerBound) to \(range.upperBound)"
    )
  }

  /// A share: more than nothing, at most all.
  static func share(_ field: String, _ value: Double) throws(InvalidOption) {
    guard !(value > 0 && value <= 1) else { return }
    throw InvalidOption(field: field, value: "\(value)", allowed: "more than 0, at most 1")
  }

  /// A length of time within a range.
  static func duration(_ field: String, _ value: Duration, in range: ClosedRange<Duration>)
    throws(InvalidOption)
  {
    guard !range.contains(value) else { return }
    throw InvalidOption(
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
