import Bulwark
import BulwarkResilience

/// The faults that a call asks for itself, in its metadata. Each stands in for what is set for the method.
struct FaultOverrides: Hashable, Sendable {
  /// `x-mock-latency-ms`: a whole number of milliseconds, 0 to 60,000.
  var latency: Duration?

  /// `x-mock-fail-rate`: 0 to 1. A call that has it takes no part in the method's script.
  var failureRate: Double?

  /// `x-mock-fail-code`: a status code's name or number.
  var failureCode: StatusCode?

  /// Nothing is asked for.
  init() {}

  /// Reads the metadata of a call.
  ///
  /// - Throws: ``InvalidOption`` that names the key, its value and what is allowed. A key that comes twice has no
  ///   value that could be meant.
  init(_ metadata: Metadata) throws(InvalidOption) {
    let longest = FaultPlan.maxLatency / .milliseconds(1)
    self.latency = try metadata.only(
      "x-mock-latency-ms",
      allowed: "0 to \(Int(longest)), in whole milliseconds"
    ) {
      UInt32($0).map { Duration.milliseconds($0) }.flatMap { $0 <= FaultPlan.maxLatency ? $0 : nil }
    }
    self.failureRate = try metadata.only("x-mock-fail-rate", allowed: "0.0 to 1.0") {
      Double($0).flatMap { (0...1).contains($0) ? $0 : nil }
    }
    self.failureCode = try metadata.only("x-mock-fail-code", allowed: StatusCode.allowedAsFault) {
      StatusCode(fault: $0)
    }
  }
}

extension Metadata {
  fileprivate func only<Value>(
    _ key: String,
    allowed: String,
    _ parse: (String) -> Value?
  ) throws(InvalidOption) -> Value? {
    let values = self.values(for: key)
    guard !values.isEmpty else { return nil }
    // What several pairs of a name mean is their values joined (RFC 9110, section 5.3).
    let text = values.joined(separator: ", ")
    guard let value = parse(text) else {
      throw InvalidOption(field: key, value: shown(text), allowed: allowed)
    }
    return value
  }
}
