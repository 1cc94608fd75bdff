/// When a circuit opens, how long it stays open, and how it closes again.
///
/// The defaults open at half of the calls failing among at least ten within a minute, break for a minute, and close
/// after five probes in a row that succeed.
public struct CircuitBreakerOptions: Hashable, Sendable {
  /// The circuit opens when this share of the calls in the window failed, or more. More than 0, at most 1; 0.5 by
  /// default.
  public var failureThreshold: Double
  /// No share is looked at below this many calls in the window. 1 to 1,000,000; 10 by default.
  public var minimumCalls: Int
  /// How far back outcomes count. 1 ms to ten years; 60 s by default. Since whole buckets leave it, what counts is
  /// between `window` x (1 - 1 / `buckets`) and `window` old.
  public var window: Duration
  /// How many buckets the window has, each 16 bytes. 1 to 1,000; 10 by default.
  public var buckets: Int
  /// The circuit also opens when this many calls in a row failed, however few there were. 1 to 1,000,000; `nil`, the
  /// default, switches the rule off.
  public var consecutiveFailures: Int?
  /// A call that takes this long or longer is slow, whether it succeeds or fails. 1 us to ten years; `nil`, the
  /// default, switches the rule off.
  public var slowCallThreshold: Duration?
  /// The circuit also opens when this share of the calls in the window were slow, or more. More than 0, at most 1; 1
  /// by default. Plays no part without ``slowCallThreshold``.
  public var slowCallRateThreshold: Double
  /// How long the circuit stays open: the first break is the first delay, and each time that the probes fail the next
  /// one follows. Begins again once the circuit has closed. 60 s, then doubled up to 10 minutes, by default, without
  /// jitter: half-open caps what comes back at once anyway.
  public var breakDuration: Backoff
  /// This many probes must succeed before a half-open circuit closes. 1 to 1,000; 5 by default.
  public var successThreshold: Int
  /// How many probes a half-open circuit admits in all; it opens again as soon as ``successThreshold`` is out of reach.
  /// From ``successThreshold`` to 1,000; `nil`, the default, is ``successThreshold``, so that the first failure opens.
  public var probeLimit: Int?
  /// How many probes may be under way at once. 1 to 1,000; `nil`, the default, is as many as there may be in all.
  public var concurrentProbes: Int?
  /// A probe that has not settled after this long counts as failed, and its outcome no longer counts. 1 ms to ten years;
  /// 30 s by default. Should be longer than the call's own timeout.
  public var probeLease: Duration
  /// How a circuit whose probes succeeded comes back: `nil`, the default, is all at once.
  public var recovery: RecoveryRamp?
  /// The state to begin in; `.closed` by default. `.recovering` needs ``recovery``.
  public var initialState: CircuitState

  /// Options; each has the default that its documentation names.
  public init(
    failureThreshold: Double = 0.5,
    minimumCalls: Int = 10,
    window: Duration = .seconds(60),
    buckets: Int = 10,
    consecutiveFailures: Int? = nil,
    slowCallThreshold: Duration? = nil,
    slowCallRateThreshold: Double = 1,
    breakDuration: Backoff = Backoff(base: .seconds(60), maximum: .seconds(600), jitter: .none),
    successThreshold: Int = 5,
    probeLimit: Int? = nil,
    concurrentProbes: Int? = nil,
    probeLease: Duration = .seconds(30),
    recovery: RecoveryRamp? = nil,
    initialState: CircuitState = .closed
  ) {
    self.failureThreshold = failureThreshold
    self.minimumCalls = minimumCalls
    self.window = window
    self.buckets = buckets
    self.consecutiveFailures = consecutiveFailures
    self.slowCallThreshold = slowCallThreshold
    self.slowCallRateThreshold = slowCallRateThreshold
    self.breakDuration = breakDuration
    self.successThreshold = successThreshold
    self.probeLimit = probeLimit
    self.concurrentProbes = concurrentProbes
    self.probeLease = probeLease
    self.recovery = recovery
    self.initialState = initialState
  }

  /// Checks each option.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    try OptionCheck.share("failureThreshold", self.failureThreshold)
    try OptionCheck.integer("minimumCalls", self.minimumCalls, in: 1...1_000_000)
    try OptionCheck.duration("window", self.window, in: .milliseconds(1) ... .longestOption)
    try OptionCheck.integer("buckets", self.buckets, in: 1...1_000)
    if let consecutiveFailures {
      try OptionCheck.integer("consecutiveFailures", consecutiveFailures, in: 1...1_000_000)
    }
    if let slowCallThreshold {
      try OptionCheck.duration(
        "slowCallThreshold",
        slowCallThreshold,
        in: .microseconds(1) ... .longestOption
      )
    }
    try OptionCheck.share("slowCallRateThreshold", self.slowCallRateThreshold)
    try self.breakDuration.validate(as: "breakDuration")
    try OptionCheck.integer("successThreshold", self.successThreshold, in: 1...1_000)
    if let probeLimit {
      try OptionCheck.integer("probeLimit", probeLimit, in: self.successThreshold...1_000)
    }
    if let concurrentProbes {
      try OptionCheck.integer("concurrentProbes", concurrentProbes, in: 1...1_000)
    }
    try OptionCheck.duration("probeLease", self.probeLease, in: .milliseconds(1) ... .longestOption)
    if let recovery {
      try OptionCheck.duration(
        "recovery.duration",
        recovery.duration,
        in: .milliseconds(1) ... .longestOption
      )
      try OptionCheck.share("recovery.initialShare", recovery.initialShare)
    } else if self.initialState == .recovering {
      throw InvalidOption(
        field: "initialState",
        value: "recovering",
        allowed: "any other without `recovery`"
      )
    }
  }
}

/// A graduated recovery: after the probes have succeeded, a share of the calls passes that grows with time.
public struct RecoveryRamp: Hashable, Sendable {
  /// How long it takes until everything passes. 1 ms to ten years.
  public var duration: Duration
  /// The share that passes at the beginning; it grows linearly from there. More than 0, at most 1; 0.1 by default.
  public var initialShare: Double

  /// A recovery of this length.
  public init(duration: Duration, initialShare: Double = 0.1) {
    self.duration = duration
    self.initialShare = initialShare
  }
}
