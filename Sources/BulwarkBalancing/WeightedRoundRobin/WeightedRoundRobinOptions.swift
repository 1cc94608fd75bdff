/// How calls are spread by weight: gRPC's `weighted_round_robin` (gRFC A58).
public struct WeightedRoundRobinOptions: Hashable, Sendable {
  /// Where the weights come from.
  public enum Weights: Hashable, Sendable {
    /// From the load that endpoints report: calls a second over utilization and its penalty for errors.
    case reported
    /// From the resolver, which gives each endpoint its weight.
    case fixed
  }

  /// Where the weights come from. Default ``Weights/reported``.
  public var weights: Weights
  /// An endpoint has to report its load for this long before its weight is used, after it was connected and after its
  /// weight had expired. Default 10 s; zero to ten years.
  public var blackoutPeriod: Duration
  /// A weight is used no longer than this after the last report. Default 3 min; zero to ten years.
  public var weightExpirationPeriod: Duration
  /// How often the weights are reckoned. Default 1 s; 100 ms to ten years.
  public var weightUpdatePeriod: Duration
  /// What an endpoint's share of failed calls is multiplied with and added to its utilization. Default 1; 0 to 1000.
  public var errorUtilizationPenalty: Double

  /// The options; the defaults are gRPC's.
  public init(
    weights: Weights = .reported,
    blackoutPeriod: Duration = .seconds(10),
    weightExpirationPeriod: Duration = .seconds(180),
    weightUpdatePeriod: Duration = .seconds(1),
    errorUtilizationPenalty: Double = 1
  ) {
    self.weights = weights
    self.blackoutPeriod = blackoutPeriod
    self.weightExpirationPeriod = weightExpirationPeriod
    self.weightUpdatePeriod = weightUpdatePeriod
    self.errorUtilizationPenalty = errorUtilizationPenalty
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("blackoutPeriod", self.blackoutPeriod, in: .zero ... .longestOption)
    try OptionCheck.range("weightExpirationPeriod", self.weightExpirationPeriod, in: .zero ... .longestOption)
    try OptionCheck.range(
      "weightUpdatePeriod",
      self.weightUpdatePeriod,
      in: .milliseconds(100) ... .longestOption
    )
    try OptionCheck.range("errorUtilizationPenalty", self.errorUtilizationPenalty, in: 0...1000)
  }
}
