extension Duration {
  /// A `google.protobuf.Duration` in its JSON form: seconds with at most nine decimals and an `s`, such as `1.5s` or
  /// `.1s`. Nil for anything else, and for what is negative or above 315,576,000,000 s.
  init?(protobufJSON text: String) {
    guard text.hasSuffix("s") else { return nil }
    let parts = text.dropLast().split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    let decimals = parts.count == 2 ? parts[1] : ""
    guard parts.count <= 2, let whole = parts.first, whole.count + decimals.count > 0, decimals.count <= 9,
      (whole + decimals).allSatisfy({ $0.isASCII && $0.isNumber }),
      let seconds = Int64(whole.isEmpty ? "0" : whole), seconds <= 315_576_000_000,
      let nanoseconds = Int64(decimals + String(repeating: "0", count: 9 - decimals.count))
    else { return nil }
    self = .seconds(seconds) + .nanoseconds(nanoseconds)
  }
}
