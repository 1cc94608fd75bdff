import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

/// The breaker as it is used, its gate included, against the naive one: the same answers, transitions and counts.
@Suite struct CircuitBreakerModelTests {
  private final class Transitions: PolicyObserver {
    let seen = Mutex<[CircuitTransition]>([])

    func observe(_ event: PolicyEvent) {
      guard case .transitioned(let transition) = event.occurrence else { return }
      self.seen.withLock { $0.append(transition) }
    }

    func take() -> [CircuitTransition] {
      self.seen.withLock { seen in
        defer { seen = [] }
        return seen
      }
    }
  }

  private struct Difference: Error {
    let seed: UInt64
    let step: Int
    let what: String
  }

  /// Seeds that once showed a difference.
  private static let regressionSeeds: [UInt64] = [35]

  @Test func `It does what the naive one does, whatever the seed`() throws {
    var reached: Set<CircuitTransition> = []
    for seed in Self.regressionSeeds + Array(0..<2_000) {
      try self.compare(seed: seed, reached: &reached)
    }
    // The comparison would mean little if parts of the machine were never entered.
    let causes = Set(reached.map(\.cause))
    #expect(causes == Set(CircuitTransition.Cause.allCases))
    #expect(Set(reached.map(\.to)) == Set(CircuitState.allCases))
  }

  private func options(using generator: inout SeededGenerator) -> CircuitBreakerOptions {
    let successThreshold = Int.random(in: 1...3, using: &generator)
    return CircuitBreakerOptions(
      failureThreshold: [0.1, 0.3, 1.0 / 3, 0.5, 2.0 / 3, 1].randomElement(using: &generator) ?? 1,
      minimumCalls: .random(in: 1...8, using: &generator),
      window: .milliseconds(60),
      buckets: [1, 2, 3, 6].randomElement(using: &generator) ?? 1,
      consecutiveFailures: generator.oneIn(3) ? .random(in: 1...4, using: &generator) : nil,
      slowCallThreshold: generator.oneIn(3) ? .milliseconds(5) : nil,
      slowCallRateThreshold: [0.25, 0.5, 1].randomElement(using: &generator) ?? 1,
      breakDuration: Backoff(
        base: .milliseconds(20),
        maximum: .milliseconds(100),
        jitter: [.none, .full, .ratio(0.5), .decorrelated].randomElement(using: &generator) ?? .none
      ),
      successThreshold: successThreshold,
      probeLimit: generator.oneIn(2) ? successThreshold + .random(in: 0...2, using: &generator) : nil,
      concurrentProbes: generator.oneIn(2) ? .random(in: 1...3, using: &generator) : nil,
      probeLease: .milliseconds(15),
      recovery: generator.oneIn(2) ? RecoveryRamp(duration: .milliseconds(30), initialShare: 0.3) : nil
    )
  }

  private func compare(seed: UInt64, reached: inout Set<CircuitTransition>) throws {
    var generator = SeededGenerator(seed: seed)
    var options = self.options(using: &generator)
    options.initialState =
      generator.oneIn(4) ? CircuitState.allCases.randomElement(using: &generator) ?? .closed : .closed
    if options.initialState == .recovering, options.recovery == nil { options.initialState = .open }
    let failureShare = [2, 4, 10, 1_000].randomElement(using: &generator) ?? 2

    var jitter = generator.split()
    let clock = VirtualClock()
    var now = clock.policyClock.nanoseconds
    let breaker = try CircuitBreaker(
      name: "model",
      options: options,
      clock: clock.policyClock,
      random: RandomSource(jitter)
    )
    // The breaker's own generator is of the same kind, seeded with the first number of the source.
    var model = NaiveCircuit(options, at: now, generator: jitter.split())
    let transitions = Transitions()
    breaker.events.addObserver(transitions)
    var underWay: [(CircuitTicket, NaiveCircuit.Ticket)] = []

    for step in 0..<120 {
      // Not an expectation: there are a million of them.
      func check<Value: Equatable>(_ value: Value, _ expected: Value) throws {
        guard value != expected else { return }
        throw Difference(seed: seed, step: step, what: "\(value) instead of \(expected)")
      }
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<45:
        switch (breaker.admit(at: now), model.admit(at: now)) {
        case (.admitted(let ticket), .admitted(let expected)): underWay.append((ticket, expected))
        case (.refused(let refusal), .refused(let expected)): try check(refusal, expected)
        case (let admission, let expected):
          throw Difference(seed: seed, step: step, what: "\(admission) instead of \(expected)")
        }
      case 45..<85:
        guard let index = underWay.indices.randomElement(using: &generator) else { break }
        let (ticket, expected) = underWay.remove(at: index)
        let verdict: Verdict =
          generator.oneIn(8) ? .neutral : generator.oneIn(failureShare) ? .failure : .success
        breaker.settle(ticket, as: verdict, at: now)
        model.settle(expected, as: verdict, at: now)
      case 85..<97:
        var change = Int64.random(in: 0...12_000_000, using: &generator)
        if generator.oneIn(10) { change += .random(in: -50_000_000...100_000_000, using: &generator) }
        now += change
        clock.jump(by: .nanoseconds(change))
      case 97:
        options = {
          var other = self.options(using: &generator)
          (other.window, other.buckets) = (options.window, options.buckets)
          other.recovery = options.recovery
          return other
        }()
        try breaker.reconfigure(options)
        model.reconfigure(options, at: now)
      default:
        guard generator.oneIn(3) else { break }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0:
          breaker.forceOpen()
          model.order(.forcedOpen, at: now)
        case 1:
          breaker.disable()
          model.order(.disabled, at: now)
        case 2:
          breaker.meterOnly()
          model.order(.metricsOnly, at: now)
        default:
          breaker.reset()
          model.order(nil, at: now)
        }
      }
      try check(breaker.state, model.state)
      let seen = transitions.take()
      try check(seen, model.transitions)
      reached.formUnion(seen)
      model.transitions = []
      if generator.oneIn(10) {
        let stats = breaker.stats
        try check(stats.window, model.windowCounts(at: now))
        try check(stats.totals, model.totals)
        try check(stats.shadowState, model.shadowState)
      }
    }
  }
}
