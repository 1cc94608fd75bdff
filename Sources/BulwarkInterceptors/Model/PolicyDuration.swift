extension Duration: PolicyFieldValue {
  public static var allowed: String { "a duration such as \"250ms\", \"1.5s\" or \"2m\"" }

  /// A number with a unit: ns, us, ms, s, m or h. A protobuf duration (`"1.5s"`) is one.
  public init?(policyValue: PolicyValue) {
    guard case .text(let text) = policyValue else { return nil }
    let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    guard let nanosecondsPerUnit = Self.units[String(text.dropFirst(digits.count))],
      let number = Double(digits), number * nanosecondsPerUnit < 9e18
    else { return nil }
    self = .nanoseconds(Int64((number * nanosecondsPerUnit).rounded()))
  }

  private static let units: [String: Double] = [
    "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
  ]

  public var policyText: String {
    let nanoseconds = self / .nanoseconds(1)
    for (unit, size) in [("s", 1e9), ("ms", 1e6), ("us", 1e3)] where nanoseconds >= size {
      return (nanoseconds / size).policyText + unit
    }
    return nanoseconds.policyText + "ns"
  }
}
