import BulwarkCore
import BulwarkResilience

/// What the end of a call says about whoever carried it out.
///
/// The default table is that of gRPC's codes: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and DATA_LOSS are
/// failures; CANCELLED, ABORTED and RESOURCE_EXHAUSTED say nothing; everything else proves that somebody works there,
/// if only to say that the request was wrong.
struct OutcomeClassifier: Sendable {
  private let failures: UInt32
  /// A callee that had less time than this has not failed by exceeding it, in nanoseconds.
  let fairBudget: Int64

  static let standardFailures: StatusCodes = [
    .unknown, .deadlineExceeded, .internalError, .unavailable, .dataLoss,
  ]
  static let standardFairBudget = Duration.milliseconds(100)

  init(_ policy: CircuitBreakerPolicy?) {
    let codes = policy?.failureCodes ?? Self.standardFailures
    self.failures = codes.codes.reduce(0) { $0 | Self.bit(of: $1) }
    self.fairBudget = (policy?.fairBudget ?? Self.standardFairBudget).saturatedNanoseconds
  }

  private static func bit(of code: StatusCode) -> UInt32 { 1 << UInt32(code.rawValue) }

  private static let silent =
    Self.bit(of: .cancelled) | Self.bit(of: .aborted) | Self.bit(of: .resourceExhausted)

  /// The verdict on a status that the callee gave, or would have given in time.
  ///
  /// - Parameter elapsed: how long the callee had, in nanoseconds.
  func verdict(on code: StatusCode, after elapsed: Int64) -> Verdict {
    if code == .ok { return .success }
    let bit = Self.bit(of: code)
    guard self.failures & bit != 0 else { return Self.silent & bit != 0 ? .neutral : .success }
    return code == .deadlineExceeded && elapsed < self.fairBudget ? .neutral : .failure
  }

  /// The verdict on an attempt of a client.
  ///
  /// - Parameters:
  ///   - elapsed: how long the attempt took, in nanoseconds.
  ///   - hadOwnLimit: whether the attempt had all the time that an attempt is meant to have.
  func verdict(on error: RPCError, after elapsed: Int64, hadOwnLimit: Bool) -> Verdict {
    switch error.origin {
    case .policy: return .neutral
    case .local:
      // Of what this side ends, only its deadline says something of the other one.
      guard error.code == .deadlineExceeded else { return .neutral }
      return self.verdict(on: .deadlineExceeded, after: hadOwnLimit ? .max : elapsed)
    default: return self.verdict(on: error.code, after: elapsed)
    }
  }
}
