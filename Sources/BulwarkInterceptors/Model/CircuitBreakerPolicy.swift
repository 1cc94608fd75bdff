public import BulwarkResilience

/// `circuit_breaker`: stops calling who fails, and finds out by probes when it works again.
///
/// What is left open has the default of `CircuitBreakerOptions`. On a client it guards against the server, on a server
/// against what the handlers depend on.
public struct CircuitBreakerPolicy: CountingPolicy {
  /// The share of calls that must fail, counted with `>=`: more than 0, at most 1.
  public var failureThreshold: Double?
  /// No share is looked at below so many calls in the window.
  public var minimumCalls: Int?
  /// How far back outcomes count.
  public var window: Duration?
  /// How many buckets the window has.
  public var buckets: Int?
  /// So many failures in a row open it too.
  public var consecutiveFailures: Int?
  /// A call that takes so long is slow.
  public var slowCallThreshold: Duration?
  /// The share of slow calls that opens it.
  public var slowCallRateThreshold: Double?
  /// How long it stays open the first time.
  public var breakDuration: Duration?
  /// How long it stays open at most, as each break in which the probes failed makes the next one twice as long. The
  /// same as `breakDuration`, if nothing is said.
  public var maximumBreakDuration: Duration?
  /// The probes that must succeed before it closes.
  public var successThreshold: Int?
  /// The probes that a half-open circuit admits in all.
  public var probeLimit: Int?
  /// The probes that may be under way at once.
  public var concurrentProbes: Int?
  /// A probe that takes longer has failed.
  public var probeLease: Duration?
  /// Over which time the admitted share grows after the probes have succeeded; all at once, if nothing is said.
  public var recovery: Duration?
  /// The codes that count as failures; UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and DATA_LOSS by default.
  public var failureCodes: StatusCodes?
  /// A callee that had less time than this has not failed by exceeding its deadline; 100 ms by default.
  public var fairBudget: Duration?
  public var name: String?
  public var mode: PolicyMode?
  public var scope: PolicyScope?
  public var sides: PolicySides?
  public var maximumPeers: Int?

  public init() {}

  public static let fields: [PolicyField<Self>] =
    [
      PolicyField("failure_threshold", \.failureThreshold), PolicyField("minimum_calls", \.minimumCalls),
      PolicyField("window", \.window), PolicyField("buckets", \.buckets),
      PolicyField("consecutive_failures", \.consecutiveFailures),
      PolicyField("slow_call_threshold", \.slowCallThreshold),
      PolicyField("slow_call_rate_threshold", \.slowCallRateThreshold),
      PolicyField("break_duration", \.breakDuration),
      PolicyField("maximum_break_duration", \.maximumBreakDuration),
      PolicyField("success_threshold", \.successThreshold), PolicyField("probe_limit", \.probeLimit),
      PolicyField("concurrent_probes", \.concurrentProbes), PolicyField("probe_lease", \.probeLease),
      PolicyField("recovery", \.recovery), PolicyField("failure_codes", \.failureCodes),
      PolicyField("fair_budget", \.fairBudget),
    ] + Self.commonFields

  /// The settings with defaults where something was left open.
  public var options: CircuitBreakerOptions {
    var options = CircuitBreakerOptions()
    if let failureThreshold { options.failureThreshold = failureThreshold }
    if let minimumCalls { options.minimumCalls = minimumCalls }
    if let window { options.window = window }
    if let buckets { options.buckets = buckets }
    options.consecutiveFailures = self.consecutiveFailures
    options.slowCallThreshold = self.slowCallThreshold
    if let slowCallRateThreshold { options.slowCallRateThreshold = slowCallRateThreshold }
    if let breakDuration {
      options.breakDuration.base = breakDuration
      options.breakDuration.maximum = self.maximumBreakDuration ?? breakDuration
    } else if let maximumBreakDuration {
      options.breakDuration.maximum = maximumBreakDuration
    }
    if let successThreshold { options.successThreshold = successThreshold }
    options.probeLimit = self.probeLimit
    options.concurrentProbes = self.concurrentProbes
    if let probeLease { options.probeLease = probeLease }
    options.recovery = self.recovery.map { RecoveryRamp(duration: $0) }
    return options
  }
}
