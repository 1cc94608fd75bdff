import Bulwark
public import BulwarkResilience

// How people write faults: `SubmitVote:fail=0.8,code=UNAVAILABLE,latency=5ms-20ms`.
extension FaultSetting: CustomStringConvertible {
  /// Reads `METHOD:ITEM,…`, where an item is one of
  ///
  ///     fail=0.8          the share of calls that fail, 0 to 1
  ///     code=INTERNAL     the status code of failures; UNAVAILABLE unless named
  ///     next=5            the next five calls fail
  ///     first=2/3         the first two of every three calls fail
  ///     latency=5ms       each call waits; a whole number of us, ms or s
  ///     latency=5ms-20ms  each call waits for a time drawn from the range
  ///     hash=1000         VerifyBlock and VerifyCommit first hash 64 KiB this often
  ///     hang              calls that do not fail wait until they are cancelled
  ///     none              nothing is done: exempts a method from `*`
  ///
  /// - Throws: ``InvalidOption`` that names the item, its text and what is allowed.
  public init(_ text: String) throws(InvalidOption) {
    let parts = text.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else {
      throw InvalidOption(
        field: "faults",
        value: shown(text),
        allowed: "METHOD:ITEM,…, for example SubmitVote:fail=0.8,latency=5ms"
      )
    }
    let method = String(parts[0])
    try Self.requireKnown(method)
    var plan = FaultPlan()
    var seen: Set<Substring> = []
    for item in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let (key, value) = (pair[0], pair.count == 2 ? pair[1] : nil)
      do throws(InvalidOption) {
        guard seen.insert(key).inserted else { throw .item(allowed: "each item once") }
        try plan.apply(key, value)
        try plan.check(for: method)
      } catch {
        // What is out of range is told in the words that were used here.
        let isItem = error.field == "item"
        throw InvalidOption(
          field: isItem ? "item" : String(key),
          value: shown(isItem ? item : value ?? ""),
          allowed: error.allowed
        ).inside(method)
      }
    }
    try self.init(method, plan)
  }

  /// The text that makes the same setting.
  public var description: String { "\(self.method):\(self.plan)" }
}

extension FaultPlan: CustomStringConvertible {
  /// The items of ``FaultSetting``'s text.
  public var description: String {
    var items: [String] = []
    if self.failureRate > 0 { items.append("fail=\(self.failureRate)") }
    switch self.script {
    case nil: break
    case .next(let calls): items.append("next=\(calls)")
    case .first(let failures, let calls): items.append("first=\(failures)/\(calls)")
    }
    if self.failureCode != .unavailable { items.append("code=\(self.failureCode)") }
    if self.latency.upperBound > .zero {
      let bounds = Set([self.latency.lowerBound, self.latency.upperBound]).sorted()
      items.append("latency=" + bounds.map(\.faultText).joined(separator: "-"))
    }
    if self.hashRounds > 0 { items.append("hash=\(self.hashRounds)") }
    if self.hangs { items.append("hang") }
    return items.isEmpty ? "none" : items.joined(separator: ",")
  }

  /// Takes one item over; whether its value is in range is for ``check(for:)`` to say.
  fileprivate mutating func apply(_ key: Substring, _ value: Substring?) throws(InvalidOption) {
    switch key {
    case "fail": self.failureRate = try read(value, allowed: "0.0 to 1.0") { Double($0) }
    case "code":
      self.failureCode = try read(value, allowed: StatusCode.allowedAsFault) { StatusCode(fault: $0) }
    case "next":
      try self.set(.next(read(value, allowed: "1 to \(Self.maxScriptCalls)") { Int($0) }))
    case "first":
      try self.set(
        read(value, allowed: "FAILURES/CALLS, 1 to \(Self.maxScriptCalls) each") { FailureScript(cycle: $0) }
      )
    case "latency":
      self.latency = try read(value, allowed: "a whole number of us, ms or s up to 60s, or two joined by -") {
        ClosedRange(faultText: $0)
      }
    case "hash": self.hashRounds = try read(value, allowed: "0 to \(Self.maxHashRounds)") { Int($0) }
    case "hang" where value == nil: self.hangs = true
    case "none" where value == nil: break
    default:
      throw .item(allowed: "fail=, code=, next=, first=, latency=, hash=, hang, none")
    }
  }

  private mutating func set(_ script: FailureScript) throws(InvalidOption) {
    guard self.script == nil else { throw .item(allowed: "either next= or first=, not both") }
    self.script = script
  }
}

extension InvalidOption {
  /// For an item that is wrong as a whole; whoever reads the items knows its text.
  fileprivate static func item(allowed: String) -> InvalidOption {
    InvalidOption(field: "item", value: "", allowed: allowed)
  }
}

private func read<Value>(
  _ text: Substring?,
  allowed: String,
  _ parse: (Substring) -> Value?
) throws(InvalidOption) -> Value {
  guard let text, let value = parse(text) else {
    throw InvalidOption(field: "value", value: shown(text ?? ""), allowed: allowed)
  }
  return value
}

extension FailureScript {
  fileprivate init?(cycle text: Substring) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let failures = Int(parts[0]), let calls = Int(parts[1]) else { return nil }
    self = .first(failures, of: calls)
  }
}

private let durationUnits: [(suffix: String, microseconds: Int64)] = [
  ("us", 1), ("ms", 1_000), ("s", 1_000_000),
]

extension ClosedRange<Duration> {
  fileprivate init?(faultText text: Substring) {
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { Duration(faultText: $0) }
    guard let first = bounds.first, let last = bounds.last, bounds.count <= 2 else { return nil }
    guard let lower = first, let upper = last, lower <= upper else { return nil }
    self = lower...upper
  }
}

extension Duration {
  fileprivate init?(faultText text: Substring) {
    guard let unit = durationUnits.first(where: { text.hasSuffix($0.suffix) }),
      let number = UInt32(text.dropLast(unit.suffix.count))
    else { return nil }
    // 32 bits of seconds are far below what 64 bits of microseconds can say.
    self = .microseconds(Int64(number) * unit.microseconds)
  }

  fileprivate var faultText: String {
    let microseconds = self.wholeMicroseconds
    let unit = durationUnits.last { microseconds.isMultiple(of: $0.microseconds) } ?? durationUnits[0]
    return "\(microseconds / unit.microseconds)\(unit.suffix)"
  }

  /// Held within what a latency may be.
  var wholeMicroseconds: Int64 { Int64(min(max(self, .zero), FaultPlan.maxLatency) / .microseconds(1)) }
}
