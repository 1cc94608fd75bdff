public import Bulwark
import BulwarkResilience

/// What a mock node does to the calls of a method. Without a change, nothing.
///
/// A call first waits for its latency. Then it fails, by the script or by chance; or hangs; or is served, after the
/// extra hashing where the method verifies.
public struct FaultPlan: Hashable, Sendable {
  /// Which share of the calls fails, 0 to 1; each call is decided by itself.
  public var failureRate = 0.0

  /// The status code of failures; not OK.
  public var failureCode = StatusCode.unavailable

  /// Failures that leave nothing to chance; calls that it lets pass still meet ``failureRate``.
  public var script: FailureScript?

  /// How long each call waits, drawn evenly in whole microseconds; 0 to ``maxLatency``.
  public var latency: ClosedRange<Duration> = .zero ... .zero

  /// How many times a call that verifies hashes a part of a block, 64 KiB, before it is served; 0 to
  /// ``maxHashRounds``.
  public var hashRounds = 0

  /// Whether calls that do not fail wait until they are cancelled or out of time.
  public var hangs = false

  /// No faults.
  public init() {}

  /// The longest latency: a call that should take longer hangs.
  public static let maxLatency = Duration.seconds(60)

  /// Ten minutes of hashing on a fast processor: enough for any experiment.
  public static let maxHashRounds = 10_000_000

  /// The most calls that a script can be about.
  public static let maxScriptCalls = 1_000_000

  /// Fails unless every value is within its range, and means something for the method.
  ///
  /// - Throws: ``InvalidOption`` with the field as `MockControl` calls it.
  func check(for method: String) throws(InvalidOption) {
    try require(self.failureRate, in: 0...1, "failure_rate")
    guard self.failureCode != .ok else {
      throw InvalidOption(field: "failure_code", value: "OK", allowed: StatusCode.allowedAsFault)
    }
    switch self.script {
    case nil: break
    case .next(let calls):
      try require(calls, in: 1...Self.maxScriptCalls, "fail_next")
    case .first(let failures, let calls):
      try require(calls, in: 1...Self.maxScriptCalls, "fail_cycle.calls")
      try require(failures, in: 1...calls, "fail_cycle.failures")
    }
    try require(self.latency.lowerBound, in: .zero...Self.maxLatency, "min_latency_us")
    try require(self.latency.upperBound, in: .zero...Self.maxLatency, "max_latency_us")
    try require(self.hashRounds, in: 0...Self.maxHashRounds, "hash_rounds")
    guard self.hashRounds == 0 || method == FaultSetting.everyMethod || MockFaults.verifies(method) else {
      throw InvalidOption(
        field: "hash_rounds",
        value: "\(self.hashRounds)",
        allowed: "0, as only VerifyBlock and VerifyCommit hash"
      )
    }
  }
}

/// Which calls fail, counted from when the script was set.
public enum FailureScript: Hashable, Sendable {
  /// The next calls, this many; then none.
  case next(Int)
  /// The first calls of every so many: `first(2, of: 3)` is fail, fail, pass, fail, fail, pass.
  case first(Int, of: Int)
}

/// A NaN lies in no range.
private func require<Value: Comparable>(
  _ value: Value,
  in range: ClosedRange<Value>,
  _ field: String
) throws(InvalidOption) {
  guard !range.contains(value) else { return }
  throw InvalidOption(
    field: field,
    value: "\(value)",
    allowed: "\(range.lowerBound) to \(range.upperBound)"
  )
}
