import Testing

@testable import BulwarkResilience

@Suite struct CircuitBreakerOptionsTests {
  @Test func `The defaults are those of the documentation, and valid`() throws {
    let options = CircuitBreakerOptions()
    try options.validate()
    #expect(options.failureThreshold == 0.5)
    #expect(options.minimumCalls == 10)
    #expect(options.window == .seconds(60))
    #expect(options.buckets == 10)
    #expect(options.successThreshold == 5)
    #expect(options.breakDuration.base == .seconds(60))
    #expect(options.breakDuration.jitter == .none)
    #expect(options.consecutiveFailures == nil && options.slowCallThreshold == nil && options.recovery == nil)
    #expect(options.initialState == .closed)
  }

  typealias Change = @Sendable (inout CircuitBreakerOptions) -> Void

  private static let bad: [(String, Change)] = [
    ("failureThreshold", { $0.failureThreshold = 0 }),
    ("failureThreshold", { $0.failureThreshold = -0.5 }),
    ("failureThreshold", { $0.failureThreshold = 1.01 }),
    ("failureThreshold", { $0.failureThreshold = .nan }),
    ("failureThreshold", { $0.failureThreshold = .infinity }),
    ("minimumCalls", { $0.minimumCalls = 0 }),
    ("minimumCalls", { $0.minimumCalls = .max }),
    ("minimumCalls", { $0.minimumCalls = .min }),
    ("window", { $0.window = .zero }),
    ("window", { $0.window = .seconds(-1) }),
    ("window", { $0.window = Duration(secondsComponent: .max, attosecondsComponent: 0) }),
    ("buckets", { $0.buckets = 0 }),
    ("buckets", { $0.buckets = 1_001 }),
    ("consecutiveFailures", { $0.consecutiveFailures = 0 }),
    ("consecutiveFailures", { $0.consecutiveFailures = .max }),
    ("slowCallThreshold", { $0.slowCallThreshold = .zero }),
    ("slowCallThreshold", { $0.slowCallThreshold = .seconds(Int64.max) }),
    ("slowCallRateThreshold", { $0.slowCallRateThreshold = .nan }),
    ("slowCallRateThreshold", { $0.slowCallRateThreshold = 0 }),
    ("breakDuration.base", { $0.breakDuration.base = .seconds(-1) }),
    ("breakDuration.maximum", { $0.breakDuration.maximum = .seconds(1) }),
    ("breakDuration.multiplier", { $0.breakDuration.growth = .exponential(multiplier: .nan) }),
    ("successThreshold", { $0.successThreshold = 0 }),
    ("successThreshold", { $0.successThreshold = 1_001 }),
    ("probeLimit", { $0.probeLimit = 4 }),
    ("probeLimit", { $0.probeLimit = .max }),
    ("concurrentProbes", { $0.concurrentProbes = 0 }),
    ("concurrentProbes", { $0.concurrentProbes = -1 }),
    ("probeLease", { $0.probeLease = .zero }),
    ("recovery.duration", { $0.recovery = RecoveryRamp(duration: .zero) }),
    ("recovery.initialShare", { $0.recovery = RecoveryRamp(duration: .seconds(1), initialShare: 0) }),
    ("recovery.initialShare", { $0.recovery = RecoveryRamp(duration: .seconds(1), initialShare: .nan) }),
    ("initialState", { $0.initialState = .recovering }),
  ]

  @Test(arguments: CircuitBreakerOptionsTests.bad.indices)
  func `Each bad value is refused by its name, at the start and under way`(index: Int) throws {
    let (field, change) = Self.bad[index]
    var options = CircuitBreakerOptions()
    change(&options)
    let error = #expect(throws: InvalidOption.self) { try CircuitBreaker(name: "votes", options: options) }
    #expect(error?.field == field)
    #expect(error?.value.isEmpty == false && error?.allowed.isEmpty == false)
    let breaker = try CircuitBreaker(name: "votes")
    #expect(throws: InvalidOption.self) { try breaker.reconfigure(options) }
    #expect(breaker.options == CircuitBreakerOptions())
  }

  @Test func `The breaker gives back the options that it got`() throws {
    let options = CircuitBreakerOptions(
      failureThreshold: 0.3,
      minimumCalls: 3,
      window: .seconds(5),
      buckets: 7,
      consecutiveFailures: 4,
      slowCallThreshold: .milliseconds(250),
      slowCallRateThreshold: 0.9,
      breakDuration: .constant(.seconds(2)),
      successThreshold: 2,
      probeLimit: 6,
      concurrentProbes: 3,
      probeLease: .seconds(4),
      recovery: RecoveryRamp(duration: .seconds(8), initialShare: 0.25),
      initialState: .metricsOnly
    )
    let breaker = try CircuitBreaker(name: "votes", options: options)
    #expect(breaker.options == options)
    try breaker.reconfigure(CircuitBreakerOptions())
    #expect(breaker.options == CircuitBreakerOptions())
  }
}
