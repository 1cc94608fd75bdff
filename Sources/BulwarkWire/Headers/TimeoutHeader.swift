/// The value of `grpc-timeout`: one to eight digits and a unit (gRPC over HTTP/2, "Timeout").
enum TimeoutHeader {
  private static let largestValue: Int64 = 99_999_999

  /// Units with their nanoseconds, finest first.
  private static let units: [(symbol: Character, nanoseconds: Int64)] = [
    ("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000),
    ("M", 60_000_000_000), ("H", 3_600_000_000_000),
  ]

  /// Writes a positive time in the finest unit that eight digits allow, rounded up: a peer that is told too
  /// little would give up before the caller does.
  static func encode(nanoseconds: Int64) -> String {
    let nanoseconds = max(nanoseconds, 1)
    for (symbol, scale) in self.units {
      let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: scale)
      let value = quotient + (remainder > 0 ? 1 : 0)
      if value <= self.largestValue {
        return "\(value)\(symbol)"
      }
    }
    return "\(self.largestValue)H"
  }

  /// Reads a timeout in nanoseconds, saturated to what 64 bits hold; nil if the value is malformed.
  static func decode(_ value: ArraySlice<UInt8>) -> Int64? {
    guard let unit = value.last, (2...9).contains(value.count),
      let scale = self.units.first(where: { $0.symbol.asciiValue == unit })?.nanoseconds
    else { return nil }
    var number: Int64 = 0
    for digit in value.dropLast() {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = number * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: scale)
    return overflow ? .max : nanoseconds
  }
}
