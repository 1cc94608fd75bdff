/// A duration as policies write it, `250ms`, and as Swift does, `.milliseconds(250)`.
struct DurationLiteral {
  /// What may be written, for errors.
  static let allowed = "a duration such as \"250ms\", \"1.5s\" or \"2m\""

  private let nanoseconds: Int64

  /// A number with a unit: ns, us, ms, s, m or h; nil if the text is something else, or more than 285 years.
  init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    guard let nanosecondsPerUnit = Self.units[String(text.dropFirst(digits.count))],
      let number = Double(digits), number * nanosecondsPerUnit < 9e18
    else { return nil }
    self.nanoseconds = Int64((number * nanosecondsPerUnit).rounded())
  }

  private static let units: [String: Double] = [
    "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
  ]

  /// The Swift expression, in the largest unit that has no fraction.
  var expression: String {
    let units: [(name: String, size: Int64)] = [
      ("seconds", 1_000_000_000), ("milliseconds", 1_000_000), ("microseconds", 1000),
    ]
    for (name, size) in units where self.nanoseconds.isMultiple(of: size) {
      return ".\(name)(\(self.nanoseconds / size))"
    }
    return ".nanoseconds(\(self.nanoseconds))"
  }
}
