/// The options in the form that the machine reckons with: whole numbers, half the size.
struct CircuitBreakerSettings: Hashable, Sendable {
  /// Shares are counted in parts of this: fine enough that rounding one down cannot be told from the share itself
  /// until a window holds four billion calls.
  static let wholeShare: UInt64 = 1 << 32

  private let failureShare: Double
  private let slowCallShare: Double
  private let initialShare: Double
  private let window: Int64
  /// `Int64.max` if the rule is off: no call takes that long.
  let slowCallNanoseconds: Int64
  let probeLeaseNanoseconds: Int64
  /// Zero without a ramp: a recovery is over as soon as it begins.
  let recoveryNanoseconds: Int64
  private let compactBreakDuration: CompactBackoff
  let minimumCalls: UInt32
  /// `UInt32.max` if the rule is off: so many calls in a row are not counted.
  let consecutiveFailures: UInt32
  private let buckets: UInt16
  let successThreshold: UInt16
  /// Zero where the option is left to its default.
  private let givenProbeLimit: UInt16
  private let givenConcurrentProbes: UInt16
  let initialState: CircuitState

  /// - Parameter options: Are valid.
  init(_ options: CircuitBreakerOptions) {
    self.failureShare = options.failureThreshold
    self.slowCallShare = options.slowCallRateThreshold
    self.initialShare = options.recovery?.initialShare ?? 1
    self.window = options.window.wholeNanoseconds
    self.slowCallNanoseconds = options.slowCallThreshold?.wholeNanoseconds ?? .max
    self.probeLeaseNanoseconds = options.probeLease.wholeNanoseconds
    self.recoveryNanoseconds = options.recovery?.duration.wholeNanoseconds ?? 0
    self.compactBreakDuration = CompactBackoff(options.breakDuration)
    self.minimumCalls = UInt32(clamping: options.minimumCalls)
    self.consecutiveFailures = options.consecutiveFailures.map { UInt32(clamping: $0) } ?? .max
    self.buckets = UInt16(clamping: options.buckets)
    self.successThreshold = UInt16(clamping: options.successThreshold)
    self.givenProbeLimit = UInt16(clamping: options.probeLimit ?? 0)
    self.givenConcurrentProbes = UInt16(clamping: options.concurrentProbes ?? 0)
    self.initialState = options.initialState
  }

  /// The options that these settings were made from, in whole nanoseconds.
  var options: CircuitBreakerOptions {
    CircuitBreakerOptions(
      failureThreshold: self.failureShare,
      minimumCalls: Int(self.minimumCalls),
      window: .nanoseconds(self.window),
      buckets: Int(self.buckets),
      consecutiveFailures: self.consecutiveFailures == .max ? nil : Int(self.consecutiveFailures),
      slowCallThreshold: self.slowCallNanoseconds == .max ? nil : .nanoseconds(self.slowCallNanoseconds),
      slowCallRateThreshold: self.slowCallShare,
      breakDuration: self.breakDuration,
      successThreshold: Int(self.successThreshold),
      probeLimit: self.givenProbeLimit == 0 ? nil : Int(self.givenProbeLimit),
      concurrentProbes: self.givenConcurrentProbes == 0 ? nil : Int(self.givenConcurrentProbes),
      probeLease: .nanoseconds(self.probeLeaseNanoseconds),
      recovery: self.hasRecovery
        ? RecoveryRamp(duration: .nanoseconds(self.recoveryNanoseconds), initialShare: self.initialShare)
        : nil,
      initialState: self.initialState
    )
  }

  var breakDuration: Backoff { self.compactBreakDuration.backoff }
  var bucketCount: Int { Int(self.buckets) }
  var bucketNanoseconds: Int64 { max(self.window / Int64(max(self.buckets, 1)), 1) }
  var hasRecovery: Bool { self.recoveryNanoseconds > 0 }
  var probeLimit: UInt16 { self.givenProbeLimit == 0 ? self.successThreshold : self.givenProbeLimit }
  var concurrentProbes: UInt16 {
    self.givenConcurrentProbes == 0 ? self.probeLimit : min(self.givenConcurrentProbes, self.probeLimit)
  }
  /// How many probes may fail while the success threshold can still be reached.
  var toleratedProbeFailures: UInt16 { self.probeLimit - self.successThreshold }

  func reachesFailureThreshold(_ failures: UInt64, of calls: UInt64) -> Bool {
    Self.reaches(self.failureShare, part: failures, of: calls)
  }

  func reachesSlowCallThreshold(_ slowCalls: UInt64, of calls: UInt64) -> Bool {
    // Without the rule, slow calls may still be left from when there was one.
    self.slowCallNanoseconds != .max && Self.reaches(self.slowCallShare, part: slowCalls, of: calls)
  }

  /// The share that a recovery admits after this long, in parts of ``wholeShare``. `elapsed` is below the recovery's
  /// length.
  func recoveryShare(after elapsed: Int64) -> UInt64 {
    let initial = Self.parts(self.initialShare)
    let product = (Self.wholeShare - initial).multipliedFullWidth(by: elapsed.magnitude)
    // The quotient fits: it is below `wholeShare`.
    return initial + self.recoveryNanoseconds.magnitude.dividingFullWidth(product).quotient
  }

  private static func reaches(_ share: Double, part: UInt64, of whole: UInt64) -> Bool {
    guard part > 0 else { return false }
    let reached = part.multipliedFullWidth(by: Self.wholeShare)
    let needed = whole.multipliedFullWidth(by: Self.parts(share))
    return (reached.high, reached.low) >= (needed.high, needed.low)
  }

  /// At least one part, since a share of nothing would be reached without anything.
  private static func parts(_ share: Double) -> UInt64 {
    max(UInt64(min(max(share, 0), 1) * Double(Self.wholeShare)), 1)
  }
}
