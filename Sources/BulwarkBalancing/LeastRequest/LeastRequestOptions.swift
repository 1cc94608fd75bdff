/// How calls go to the less loaded of a few endpoints drawn at random: gRPC's `least_request` (gRFC A48), and with a
/// measure that minds latency.
public struct LeastRequestOptions: Hashable, Sendable {
  /// What load is.
  public enum Measure: Hashable, Sendable {
    /// The number of calls under way: gRPC's.
    case activeCalls
    /// Recent latency times the calls under way and one more: Finagle's peak EWMA. The latency follows a rise at once and
    /// falls with this time constant, 1 ms to ten years.
    case peakEWMA(decay: Duration)
  }

  /// What load is. Default peak EWMA with a decay of 10 s, as in Finagle.
  public var measure: Measure
  /// How many endpoints are drawn for a call. Default 2, the power of two choices; 2 to 10.
  public var choiceCount: Int
  /// A failed call counts as one that took at least this, where latency counts: otherwise an endpoint that refuses
  /// everything would be the fastest, and get all calls. Default 1 s; zero to ten years.
  public var failurePenalty: Duration

  /// The options.
  public init(
    measure: Measure = .peakEWMA(decay: .seconds(10)),
    choiceCount: Int = 2,
    failurePenalty: Duration = .seconds(1)
  ) {
    self.measure = measure
    self.choiceCount = choiceCount
    self.failurePenalty = failurePenalty
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("choiceCount", self.choiceCount, in: 2...10)
    try OptionCheck.range("failurePenalty", self.failurePenalty, in: .zero ... .longestOption)
    if case .peakEWMA(let decay) = self.measure {
      try OptionCheck.range("measure.decay", decay, in: .milliseconds(1) ... .longestOption)
    }
  }
}
