import Bulwark
public import BulwarkResilience

/// The faults of one method, or of every method that has none of its own.
public struct FaultSetting: Hashable, Sendable {
  /// The method's name without its service, `SubmitVote`, or ``everyMethod``.
  public let method: String

  /// What is done to its calls.
  public let plan: FaultPlan

  /// What stands for every method that has no faults of its own.
  public static let everyMethod = "*"

  /// Joins a method and its faults.
  ///
  /// - Throws: ``InvalidOption`` if there is no such method, or for the first value that is out of range.
  public init(_ method: String, _ plan: FaultPlan) throws(InvalidOption) {
    try Self.requireKnown(method)
    do throws(InvalidOption) {
      try plan.check(for: method)
    } catch {
      throw error.inside(method)
    }
    self.method = method
    self.plan = plan
  }

  static func requireKnown(_ method: String) throws(InvalidOption) {
    guard method != Self.everyMethod, !MockFaults.methods.contains(where: { $0.method == method }) else {
      return
    }
    throw InvalidOption(
      field: "method",
      value: shown(method),
      allowed: "* or a method of ConsensusService: "
        + MockFaults.methods.map(\.method).joined(separator: ", ")
    )
  }
}

extension [FaultSetting] {
  /// Fails if a method is set twice, as one of the two would be lost.
  func requireDistinctMethods() throws(InvalidOption) {
    var seen: Set<String> = []
    for setting in self {
      guard seen.insert(setting.method).inserted else {
        throw InvalidOption(field: "method", value: setting.method, allowed: "each method once")
      }
    }
  }
}

extension InvalidOption {
  /// The same with the path of what the field is in.
  func inside(_ owner: String) -> InvalidOption {
    InvalidOption(field: "\(owner).\(self.field)", value: self.value, allowed: self.allowed)
  }
}

/// What somebody sent, as it is repeated to them: quoted, and no longer than needed to recognise it.
func shown(_ text: some StringProtocol) -> String {
  let prefix = text.prefix(40)
  return "'\(prefix)\(prefix.endIndex == text.endIndex ? "" : "…")'"
}

extension StatusCode {
  static let allowedAsFault = "a status code's name or its number, 1 to 16"

  /// The code of a name (`UNAVAILABLE`) or a number, if a call can fail with it.
  init?(fault text: some StringProtocol) {
    let code = (1...16).map(StatusCode.init(wireValue:))
      .first { $0.description == text || "\($0.rawValue)" == text }
    guard let code else { return nil }
    self = code
  }
}
