import BulwarkBalancing
import BulwarkCore
import BulwarkWire

/// What a client's configuration says of load balancing, checked.
struct BalancingTerms {
  private let policy: LoadBalancingPolicy
  private let outlierDetection: OutlierDetectionOptions
  private let hashHeader: String?

  /// Why calls fail, if an option is out of its range.
  let problem: RPCError?

  /// Whether a balancer is to be told of each call; otherwise a call is spared two readings of the clock.
  let learnsFromCalls: Bool

  /// Whether a pick holds for all calls until the balancer is told something.
  let staysWithItsPick: Bool

  /// Whether it is to be told how busy the servers say they are.
  let wantsLoadReports: Bool

  init(_ configuration: ClientConfiguration) {
    do {
      try configuration.loadBalancing.validate()
      try configuration.outlierDetection.validate()
      try configuration.resolution.validate()
      self.problem = nil
    } catch {
      self.problem = RPCError(code: .invalidArgument, message: "the client's configuration: \(error)")
    }
    // What is not valid is never used: every call fails with the problem.
    self.policy = self.problem == nil ? configuration.loadBalancing : .pickFirst()
    self.outlierDetection = self.problem == nil ? configuration.outlierDetection : OutlierDetectionOptions()
    switch self.policy {
    case .pickFirst, .roundRobin, .ringHash:
      self.learnsFromCalls = self.outlierDetection.isEnabled
      self.wantsLoadReports = false
    case .leastRequest:
      self.learnsFromCalls = true
      self.wantsLoadReports = false
    case .weightedRoundRobin:
      self.learnsFromCalls = true
      self.wantsLoadReports = true
    }
    self.staysWithItsPick = if case .pickFirst = self.policy { !self.learnsFromCalls } else { false }
    self.hashHeader = if case .ringHash(let options) = self.policy { options.requestHashHeader } else { nil }
  }

  func makeBalancer() -> any LoadBalancer {
    self.policy.makeBalancer(outlierDetection: self.outlierDetection)
  }

  /// The hash of what the call is tied to (gRFC A76); nil for nothing.
  func hash(of request: ClientRequest) -> UInt64? {
    guard let hashHeader = self.hashHeader, !request.metadata.isEmpty else { return nil }
    let values = request.metadata.values(for: hashHeader)
    return values.isEmpty ? nil : XXH64.hash(values.joined(separator: ","))
  }
}

extension CallReport {
  /// What the end of a call says of the endpoint: the default table of the circuit breakers' classifier.
  ///
  /// - Parameter latency: how long the call took, in nanoseconds.
  init(ending error: RPCError?, after latency: Int64, load: LoadReport?) {
    self.init(Self.outcome(of: error, after: latency), latency: latency, load: load)
  }

  /// A call that had less than this says nothing of the endpoint if it ran out of time.
  private static let fairBudget: Int64 = 100_000_000

  private static func outcome(of error: RPCError?, after latency: Int64) -> Outcome {
    guard let error else { return .success }
    switch error.code {
    case .deadlineExceeded:
      return latency < self.fairBudget ? .neutral : .failure
    case _ where error.origin == .local || error.origin == .policy:
      return .neutral
    case .unavailable, .internalError, .unknown, .dataLoss:
      return .failure
    case .cancelled, .aborted, .resourceExhausted:
      return .neutral
    default:
      return .success
    }
  }
}
