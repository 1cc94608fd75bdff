/// When an endpoint is left out for a while because its calls fail more than those of the others: gRPC's
/// `outlier_detection` (gRFC A50), and a rule for committees.
///
/// Each rule is off while it is nil. A call is a failure by the channel's own judgement, which leaves out what says
/// nothing about the endpoint; gRPC takes everything but OK for one.
public struct OutlierDetectionOptions: Hashable, Sendable {
  /// How often the endpoints are judged, by the calls since the last time. Default 10 s; 1 ms to ten years.
  public var interval: Duration
  /// An endpoint is left out for this, times how often it was left out lately. Default 30 s; zero to ten years.
  public var baseEjectionTime: Duration
  /// No endpoint is left out for longer, unless ``baseEjectionTime`` is. Default 300 s; zero to ten years.
  public var maximumEjectionTime: Duration
  /// While this share of the endpoints is left out, no other is; but one always may be. In per cent. Default 10; 0 to
  /// 100. ``committee`` has a bound of its own in its stead.
  public var maximumEjectionPercent: Int
  /// Judges by the mean of all.
  public var successRate: SuccessRateEjection?
  /// Judges by a fixed threshold.
  public var failurePercentage: FailurePercentageEjection?
  /// Judges by the median of the others, for the few endpoints of a committee.
  public var committee: CommitteeEjection?

  /// The options; the defaults are gRPC's, with all rules off.
  public init(
    interval: Duration = .seconds(10),
    baseEjectionTime: Duration = .seconds(30),
    maximumEjectionTime: Duration = .seconds(300),
    maximumEjectionPercent: Int = 10,
    successRate: SuccessRateEjection? = nil,
    failurePercentage: FailurePercentageEjection? = nil,
    committee: CommitteeEjection? = nil
  ) {
    self.interval = interval
    self.baseEjectionTime = baseEjectionTime
    self.maximumEjectionTime = maximumEjectionTime
    self.maximumEjectionPercent = maximumEjectionPercent
    self.successRate = successRate
    self.failurePercentage = failurePercentage
    self.committee = committee
  }

  /// Whether any rule is on.
  public var isEnabled: Bool {
    self.successRate != nil || self.failurePercentage != nil || self.committee != nil
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("interval", self.interval, in: .milliseconds(1) ... .longestOption)
    try OptionCheck.range("baseEjectionTime", self.baseEjectionTime, in: .zero ... .longestOption)
    try OptionCheck.range("maximumEjectionTime", self.maximumEjectionTime, in: .zero ... .longestOption)
    try OptionCheck.range("maximumEjectionPercent", self.maximumEjectionPercent, in: 0...100)
    try self.successRate?.validate()
    try self.failurePercentage?.validate()
    try self.committee?.validate()
  }
}

/// An endpoint is left out whose success rate is below mean - standard deviation x factor, both over all endpoints with
/// enough calls (gRFC A50, success rate algorithm).
///
/// Of n endpoints k that fail alike lie sqrt((n - k) / k) standard deviations below the mean, so with the default factor
/// more than about a fifth of them are never found: f of 3f + 1 are not. ``CommitteeEjection`` finds them.
public struct SuccessRateEjection: Hashable, Sendable {
  /// The factor, in thousandths. Default 1900; 0 to 1,000,000.
  public var stdevFactor: Int
  /// The chance that an endpoint that is found is left out, in per cent. Default 100; 0 to 100.
  public var enforcementPercentage: Int
  /// With fewer endpoints that have enough calls none is judged. Default 5; 0 to 1,000,000.
  public var minimumHosts: Int
  /// An endpoint with fewer calls in the interval is not judged. Default 100; 0 to 1,000,000,000.
  public var requestVolume: Int

  /// The options; the defaults are gRPC's.
  public init(
    stdevFactor: Int = 1900,
    enforcementPercentage: Int = 100,
    minimumHosts: Int = 5,
    requestVolume: Int = 100
  ) {
    self.stdevFactor = stdevFactor
    self.enforcementPercentage = enforcementPercentage
    self.minimumHosts = minimumHosts
    self.requestVolume = requestVolume
  }

  func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("successRate.stdevFactor", self.stdevFactor, in: 0...1_000_000)
    try OptionCheck.range("successRate.enforcementPercentage", self.enforcementPercentage, in: 0...100)
    try OptionCheck.range("successRate.minimumHosts", self.minimumHosts, in: 0...1_000_000)
    try OptionCheck.range("successRate.requestVolume", self.requestVolume, in: 0...1_000_000_000)
  }
}

/// An endpoint is left out whose failures are more than a threshold, whatever those of the others are (gRFC A50, failure
/// percentage algorithm).
public struct FailurePercentageEjection: Hashable, Sendable {
  /// More failures than this, in per cent, are too many. Default 85; 0 to 100.
  public var threshold: Int
  /// The chance that an endpoint that is found is left out, in per cent. Default 100; 0 to 100.
  public var enforcementPercentage: Int
  /// With fewer endpoints that have enough calls none is judged. Default 5; 0 to 1,000,000.
  public var minimumHosts: Int
  /// An endpoint with fewer calls in the interval is not judged. Default 50; 0 to 1,000,000,000.
  public var requestVolume: Int

  /// The options; the defaults are gRPC's.
  public init(
    threshold: Int = 85,
    enforcementPercentage: Int = 100,
    minimumHosts: Int = 5,
    requestVolume: Int = 50
  ) {
    self.threshold = threshold
    self.enforcementPercentage = enforcementPercentage
    self.minimumHosts = minimumHosts
    self.requestVolume = requestVolume
  }

  func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("failurePercentage.threshold", self.threshold, in: 0...100)
    try OptionCheck.range("failurePercentage.enforcementPercentage", self.enforcementPercentage, in: 0...100)
    try OptionCheck.range("failurePercentage.minimumHosts", self.minimumHosts, in: 0...1_000_000)
    try OptionCheck.range("failurePercentage.requestVolume", self.requestVolume, in: 0...1_000_000_000)
  }
}
