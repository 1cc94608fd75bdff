public import BulwarkResilience

/// Why annotations cannot be put to use: which value, where it comes from, and what would be right.
public struct PolicyProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// The option, its value and what is allowed.
  public var fault: InvalidOption
  /// Where the value comes from, or the methods that disagree about it: `policies.yaml (app.Service/Call)`.
  public var origin: String

  /// A problem with a value from a source.
  public init(_ fault: InvalidOption, origin: String) {
    self.fault = fault
    self.origin = origin
  }

  init(_ fault: InvalidOption, in policy: EffectivePolicy, _ key: String) {
    self.init(fault, origin: policy.origin(of: key).map { "\($0)" } ?? "\(policy.method)")
  }

  public var description: String { "\(self.origin): \(self.fault)" }
}
