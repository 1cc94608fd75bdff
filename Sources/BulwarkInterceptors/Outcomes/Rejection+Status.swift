import BulwarkCore
import BulwarkProtobuf
import BulwarkResilience

extension RPCError {
  /// What a call is told that a policy refused.
  ///
  /// An open circuit is UNAVAILABLE; a spent limit and a full bulkhead are RESOURCE_EXHAUSTED. Both say who refused and
  /// when to come back, in `google.rpc.ErrorInfo` and `RetryInfo`, and for gRPC's own retries in
  /// `grpc-retry-pushback-ms`.
  init(_ rejection: Rejection) {
    let code: StatusCode
    switch rejection.reason {
    case .circuitOpen, .circuitForcedOpen, .probesExhausted, .recovering, .closed: code = .unavailable
    case .rateLimited, .exceedsCapacity, .bulkheadFull, .shed, .budgetExhausted: code = .resourceExhausted
    // An attempt that would begin too late is out of time, whoever says so; a wait that would be too long is overload.
    case .deadline: code = rejection.kind == .timeout ? .deadlineExceeded : .resourceExhausted
    }
    var details: [any ProtobufMessage] = [
      ErrorInfo.with {
        $0.reason = rejection.reason.errorInfoReason
        $0.domain = RPCError.policyDomain
        $0.metadata = ["policy": rejection.policy, "kind": rejection.kind.rawValue]
      }
    ]
    var pushback: Int64?
    if let wait = rejection.retryAfter, wait < .longestPushback {
      details.append(RetryInfo.with { $0.retryDelay = ProtobufDuration(wait) })
      pushback = wait.wholeMilliseconds
    } else if rejection.reason == .exceedsCapacity {
      // The same request will always be refused: below zero means that it is not to be made again (gRFC A6).
      pushback = -1
    }
    self.init(code: code, message: rejection.description, details: details, origin: .policy)
    if let pushback { self.metadata.add("\(pushback)", for: Self.pushbackKey) }
  }

  static let pushbackKey = "grpc-retry-pushback-ms"
  static let policyDomain = "bulwark.policy"
}

extension Rejection.Reason {
  /// The name as google.rpc.ErrorInfo writes reasons: `CIRCUIT_OPEN`.
  fileprivate var errorInfoReason: String {
    switch self {
    case .circuitOpen: "CIRCUIT_OPEN"
    case .circuitForcedOpen: "CIRCUIT_FORCED_OPEN"
    case .probesExhausted: "PROBES_EXHAUSTED"
    case .recovering: "RECOVERING"
    case .rateLimited: "RATE_LIMITED"
    case .exceedsCapacity: "EXCEEDS_CAPACITY"
    case .bulkheadFull: "BULKHEAD_FULL"
    case .shed: "SHED"
    case .deadline: "DEADLINE"
    case .budgetExhausted: "BUDGET_EXHAUSTED"
    case .closed: "CLOSED"
    }
  }
}

extension Rejection {
  /// The same with its hint rounded up to what a pushback can say: whoever comes back a moment too early is refused again.
  var inWholeMilliseconds: Rejection {
    guard let wait = self.retryAfter else { return self }
    var rounded = self
    rounded.retryAfter = .milliseconds(wait.wholeMilliseconds)
    return rounded
  }
}

extension Duration {
  /// What still fits into the signed 32 bits of milliseconds of `grpc-retry-pushback-ms`.
  fileprivate static let longestPushback = Duration.milliseconds(Int64(Int32.max))

  /// Rounded up: whoever comes back a moment too early is refused again.
  fileprivate var wholeMilliseconds: Int64 {
    let nanoseconds = self.saturatedNanoseconds
    return nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
  }
}
