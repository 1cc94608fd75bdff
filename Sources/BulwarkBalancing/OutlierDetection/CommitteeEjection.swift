/// An endpoint is left out whose calls fail far more often than the median of the *others*, unless its committee would
/// then lack a quorum.
///
/// With p the share of an endpoint's calls that failed, m the median of the others' shares and MAD the median of their
/// distances from m, it is left out if
///
///     low(p) > m + max(deviations x 1.4826 x MAD, minimumDifference)
///
/// - Median and MAD because half of the others would have to lie to move them, where one endpoint moves a mean and a
///   standard deviation as far as it likes (Hampel, "The influence curve and its role in robust estimation", 1974; Leys et
///   al., "Detecting outliers", 2013, which has the threshold of 3). 1.4826 makes the MAD of normal numbers their standard
///   deviation. *Of the others*, so that an endpoint does not stand in its own way: with four there are three others, and
///   one faulty one among them changes nothing.
/// - low(p) is the lower end of Wilson's 95 % interval (Wilson, "Probable inference", 1927), so that a few calls that
///   happened to fail are no proof: of 10 calls 5 have to fail where the others' do not, of 1000 calls 225.
/// - minimumDifference because the MAD of endpoints that never fail is zero.
///
/// The same for latency, if ``latencyFactor`` is given: with y the mean of the logarithms of an endpoint's latencies, it
/// is left out if y > m + max(deviations x 1.4826 x MAD, log latencyFactor).
///
/// What each endpoint is judged by are this client's own calls to it, so a faulty one can make itself look bad and nobody
/// else. No endpoint is left out, by any rule, if less stake than ``minimumStake`` would then be ready; and if a
/// connection is lost meanwhile, those left out come back, the least bad first, until there is enough or none is left.
public struct CommitteeEjection: Hashable, Sendable {
  /// How many deviations above the median are too many. Default 3; 0 to 100.
  public var deviations: Double
  /// How far above the median, at least, a share of failures has to lie. Default 0.2; 0 to 1.
  public var minimumDifference: Double
  /// How many times the median latency is too slow; nil for no judgement by latency. Default nil, since an endpoint may be
  /// far away and none the worse; 1.01 to 1000.
  public var latencyFactor: Double?
  /// An endpoint with fewer calls in the interval is not judged, nor are others by it. Default 5; 1 to 1,000,000,000.
  public var requestVolume: Int
  /// The stake of the committee's members that are not endpoints: this process's own, for a validator that calls the
  /// others. Default 0.
  public var ownStake: UInt64
  /// How much stake, the own included, stays in use; nil for a quorum: more than two thirds of all, 2f + 1 of 3f + 1.
  /// Default nil.
  public var minimumStake: UInt64?

  /// The options.
  public init(
    deviations: Double = 3,
    minimumDifference: Double = 0.2,
    latencyFactor: Double? = nil,
    requestVolume: Int = 5,
    ownStake: UInt64 = 0,
    minimumStake: UInt64? = nil
  ) {
    self.deviations = deviations
    self.minimumDifference = minimumDifference
    self.latencyFactor = latencyFactor
    self.requestVolume = requestVolume
    self.ownStake = ownStake
    self.minimumStake = minimumStake
  }

  func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("committee.deviations", self.deviations, in: 0...100)
    try OptionCheck.range("committee.minimumDifference", self.minimumDifference, in: 0...1)
    try OptionCheck.range("committee.requestVolume", self.requestVolume, in: 1...1_000_000_000)
    if let latencyFactor { try OptionCheck.range("committee.latencyFactor", latencyFactor, in: 1.01...1000) }
  }
}
