extension PolicySet {
  /// Annotations in Swift. Later ones for the same methods go before earlier ones.
  ///
  ///     let policies = PolicySet {
  ///       Calls(to: ConsensusServiceMethods.submitVote)
  ///         .timeout(.milliseconds(200))
  ///         .circuitBreaker(failureThreshold: 0.3, minimumCalls: 10, breakDuration: .seconds(30))
  ///         .retry(attempts: 3)
  ///       Calls(to: ConsensusServiceMethods.proposeBlock, ConsensusServiceMethods.getProposal)
  ///         .rateLimit(10, burst: 100, as: "block_proposals")
  ///       Calls(toService: "consensus.v1.ConsensusService")
  ///         .bulkhead(200, queue: 50, per: .peer)
  ///     }
  ///
  /// - Parameter source: the name of the source, as operators are shown it.
  public init(source: String = "code", @PolicySetBuilder _ annotations: () -> [Calls]) {
    self.init(source: source)
    for calls in annotations() {
      for selector in calls.selectors { self.annotate(selector, calls.policy) }
    }
  }
}

/// Puts annotations together.
@resultBuilder
public enum PolicySetBuilder {
  // Each function is one form of expression that the builder understands; all flatten to a list.
  public static func buildExpression(_ calls: Calls) -> [Calls] { [calls] }
  public static func buildBlock(_ parts: [Calls]...) -> [Calls] { parts.flatMap { $0 } }
  public static func buildOptional(_ part: [Calls]?) -> [Calls] { part ?? [] }
  public static func buildEither(first part: [Calls]) -> [Calls] { part }
  public static func buildEither(second part: [Calls]) -> [Calls] { part }
  public static func buildArray(_ parts: [[Calls]]) -> [Calls] { parts.flatMap { $0 } }
}
