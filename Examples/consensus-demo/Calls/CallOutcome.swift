import Bulwark

/// What became of a call, as its caller sees it.
enum CallOutcome: Hashable, Sendable, CaseIterable {
  case answered
  /// The service failed it, or the network did, or it ran out of time.
  case failed
  /// A circuit breaker refused it.
  case circuitBlocked
  /// A rate limiter refused it.
  case rateLimited
  /// A bulkhead refused it.
  case bulkheadFull

  /// Tells a refusal from a failure by the reason that policies give, on both ends of a connection alike.
  init(_ error: RPCError) {
    guard let info = error.detail(ErrorInfo.self), info.domain == "bulwark.policy" else {
      self = .failed
      return
    }
    self =
      switch info.reason {
      case "CIRCUIT_OPEN", "CIRCUIT_FORCED_OPEN", "PROBES_EXHAUSTED", "RECOVERING": .circuitBlocked
      case "RATE_LIMITED": .rateLimited
      case "BULKHEAD_FULL", "SHED": .bulkheadFull
      default: .failed
      }
  }

  /// What stands for it in a strip.
  var mark: String {
    switch self {
    case .answered: "."
    case .failed: "x"
    case .circuitBlocked: "|"
    case .rateLimited: "-"
    case .bulkheadFull: "#"
    }
  }

  var colour: Screen.Colour {
    switch self {
    case .answered: .green
    case .failed: .red
    case .circuitBlocked: .yellow
    case .rateLimited: .magenta
    case .bulkheadFull: .blue
    }
  }

  var name: String {
    switch self {
    case .answered: "answered"
    case .failed: "failed"
    case .circuitBlocked: "circuit blocked"
    case .rateLimited: "rate limited"
    case .bulkheadFull: "bulkhead full"
    }
  }
}
