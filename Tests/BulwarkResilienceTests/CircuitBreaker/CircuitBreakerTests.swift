import BulwarkTestKit
import Foundation
import Synchronization
import Testing

@testable import BulwarkResilience

private struct Unreachable: Error, Equatable {}

@Suite struct CircuitBreakerTests {
  private let clock = VirtualClock()

  private func breaker(_ options: CircuitBreakerOptions = CircuitBreakerOptions(minimumCalls: 2)) throws
    -> CircuitBreaker
  {
    try CircuitBreaker(name: "votes", options: options, clock: self.clock.policyClock)
  }

  private func fail(_ breaker: CircuitBreaker, times: Int = 1) async {
    for _ in 0..<times {
      await #expect(throws: PolicyError.operation(Unreachable())) {
        try await breaker.run { () throws(Unreachable) in throw Unreachable() }
      }
    }
  }

  @Test func `It hands on what the operation gives and throws`() async throws {
    let breaker = try self.breaker()
    #expect(try await breaker.run { 7 } == 7)
    await self.fail(breaker)
    let totals = breaker.stats.totals
    #expect(totals.successes == 1 && totals.failures == 1)
  }

  @Test func `An open circuit does not run the operation, and says who refused until when`() async throws {
    let breaker = try self.breaker()
    await self.fail(breaker, times: 2)
    self.clock.advance(by: .seconds(20))
    let error = await #expect(throws: PolicyError<Never>.self) {
      try await breaker.run { () throws(Never) in Issue.record("it ran") }
    }
    guard case .rejected(let rejection) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      rejection
        == Rejection(
          kind: .circuitBreaker,
          policy: "votes",
          reason: .circuitOpen,
          retryAfter: .seconds(40)
        )
    )
    #expect(breaker.retryAfter(at: self.clock.policyClock.nanoseconds) == 40_000_000_000)
    #expect(breaker.stats.retryAfterNanoseconds == 40_000_000_000)
  }

  @Test func `A classifier has the last word`() async throws {
    let breaker = try self.breaker()
    for _ in 0..<4 {
      _ = try await breaker.run(classifying: { (_: Result<Int, any Error>) in .failure }) { 500 }
      if breaker.state == .open { break }
    }
    #expect(breaker.state == .open)
    breaker.reset()
    for _ in 0..<4 {
      _ = try? await breaker.run(classifying: { (_: Result<Int, Unreachable>) in .success }) {
        () throws(Unreachable) -> Int in throw Unreachable()
      }
    }
    #expect(breaker.state == .closed)
    #expect(breaker.stats.window.failureRate == 0)
  }

  @Test func `Slow calls are told by the clock`() async throws {
    let breaker = try self.breaker(
      CircuitBreakerOptions(minimumCalls: 2, slowCallThreshold: .seconds(1), slowCallRateThreshold: 0.5)
    )
    let clock = self.clock
    try await breaker.run { clock.advance(by: .milliseconds(999)) }
    try await breaker.run { clock.advance(by: .seconds(1)) }
    #expect(breaker.state == .open)
    #expect(breaker.stats.window.slowCallRate == 0.5)
  }

  @Test func `The standard verdict learns nothing from cancellations and refusals`() {
    let rejection = Rejection(kind: .bulkhead, policy: "blocks", reason: .bulkheadFull)
    func verdict(_ error: any Error) -> Verdict { .standard(Result<Void, any Error>.failure(error)) }
    #expect(verdict(Unreachable()) == .failure)
    #expect(verdict(CancellationError()) == .neutral)
    #expect(verdict(rejection) == .neutral)
    #expect(verdict(PolicyError<Unreachable>.rejected(rejection)) == .neutral)
    #expect(verdict(PolicyError<Unreachable>.cancelled) == .neutral)
    #expect(verdict(PolicyError<Unreachable>.operation(Unreachable())) == .failure)
    #expect(
      verdict(PolicyError<any Error>.operation(PolicyError<Unreachable>.rejected(rejection))) == .neutral
    )
    #expect(verdict(PolicyError<Unreachable>.timedOut(TimedOut(policy: "t", limit: .seconds(1)))) == .failure)
    #expect(Verdict.standard(Result<Int, Unreachable>.success(1)) == .success)
  }

  @Test func `An error of a cancelled task is not held against the callee, its value counts`() async throws {
    let breaker = try self.breaker()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try? await breaker.run { () throws(Unreachable) in throw Unreachable() }
      try await breaker.run {}
    }
    try await task.value
    let totals = breaker.stats.totals
    #expect(totals.neutral == 1 && totals.failures == 0 && totals.successes == 1)
  }

  @Test func `A permit settles once with what it was told`() throws {
    let breaker = try self.breaker()
    try breaker.allow().settle(as: .success)
    try breaker.allow().settle(as: .failure)
    #expect(breaker.state == .open)
    let rejection = #expect(throws: Rejection.self) { try breaker.allow().settle(as: .success) }
    #expect(rejection?.reason == .circuitOpen)
    let totals = breaker.stats.totals
    #expect(totals.successes == 1 && totals.failures == 1 && totals.neutral == 0)
  }

  @Test func `A permit that is let go settles as neutral, on a throw too`() throws {
    let breaker = try self.breaker()
    func lose() throws {
      let permit = try breaker.allow()
      if breaker.state == .closed { throw Unreachable() }
      permit.settle(as: .success)
    }
    #expect(throws: Unreachable.self) { try lose() }
    _ = try breaker.allow()
    #expect(breaker.stats.totals.neutral == 2)
    #expect(breaker.stats.window.calls == 0)
  }

  @Test func `Each transition and each refusal is an event`() async throws {
    let breaker = try self.breaker(CircuitBreakerOptions(minimumCalls: 2, successThreshold: 1))
    let stream = breaker.events.stream()
    await self.fail(breaker, times: 2)
    _ = try? breaker.allow()
    let refused = self.clock.policyClock.now
    self.clock.advance(by: .seconds(60))
    try await breaker.run {}
    try breaker.reconfigure(CircuitBreakerOptions())
    breaker.forceOpen()
    breaker.forceOpen()
    var iterator = stream.makeAsyncIterator()
    var events: [PolicyEvent] = []
    for _ in 0..<6 {
      guard let event = await iterator.next() else { break }
      events.append(event)
    }
    #expect(
      events.map(\.occurrence) == [
        .transitioned(
          CircuitTransition(
            from: .closed,
            to: .open,
            cause: .failureRate,
            breakDuration: .seconds(60),
            sequence: 1
          )
        ),
        .rejected(.circuitOpen, retryAfter: .seconds(60)),
        .transitioned(CircuitTransition(from: .open, to: .halfOpen, cause: .breakOver, sequence: 2)),
        .transitioned(
          CircuitTransition(from: .halfOpen, to: .closed, cause: .probesSucceeded, sequence: 3)
        ),
        .reconfigured,
        .transitioned(CircuitTransition(from: .closed, to: .forcedOpen, cause: .manual, sequence: 4)),
      ]
    )
    #expect(events.allSatisfy { $0.kind == .circuitBreaker && $0.policy == "votes" })
    #expect(events[1].instant == refused)
  }

  /// Reads the breaker whenever a number is drawn.
  private struct ReadingGenerator: RandomNumberGenerator {
    final class Reader: Sendable {
      let breaker = Mutex<CircuitBreaker?>(nil)
      let draws = Atomic(0)
    }

    let reader: Reader

    func next() -> UInt64 {
      self.reader.draws.wrappingAdd(1, ordering: .relaxed)
      _ = self.reader.breaker.withLock { $0 }?.stats
      return 7
    }
  }

  @Test func `No generator of the user's runs under its lock`() throws {
    let reader = ReadingGenerator.Reader()
    let breaker = try CircuitBreaker(
      name: "votes",
      options: CircuitBreakerOptions(
        consecutiveFailures: 1,
        breakDuration: Backoff(base: .seconds(1), maximum: .seconds(9), jitter: .full)
      ),
      clock: self.clock.policyClock,
      random: RandomSource(ReadingGenerator(reader: reader))
    )
    reader.breaker.withLock { $0 = breaker }
    try breaker.allow().settle(as: .failure)
    #expect(breaker.state == .open)
    #expect(reader.draws.load(ordering: .relaxed) == 1)
    reader.breaker.withLock { $0 = nil }
  }

  @Test func `An observer may use the breaker that tells it`() async throws {
    final class Resetting: PolicyObserver {
      let breaker: CircuitBreaker
      init(_ breaker: CircuitBreaker) { self.breaker = breaker }
      func observe(_ event: PolicyEvent) {
        if case .transitioned(let transition) = event.occurrence, transition.to == .open {
          self.breaker.reset()
        }
      }
    }
    let breaker = try self.breaker()
    breaker.events.addObserver(Resetting(breaker))
    await self.fail(breaker, times: 2)
    #expect(breaker.state == .closed)
  }

  @Test func `Orders hold until the next one`() async throws {
    let breaker = try self.breaker()
    breaker.forceOpen()
    #expect(throws: Rejection(kind: .circuitBreaker, policy: "votes", reason: .circuitForcedOpen)) {
      try breaker.allow().settle(as: .success)
    }
    #expect(breaker.stats.retryAfterNanoseconds == nil)
    breaker.disable()
    await self.fail(breaker, times: 20)
    #expect(breaker.state == .disabled)
    #expect(breaker.stats.totals.failures == 0)
    breaker.meterOnly()
    await self.fail(breaker, times: 20)
    let stats = breaker.stats
    #expect(stats.state == .metricsOnly && stats.shadowState == .open)
    #expect(stats.totals.rejections == 1 + 18)
    breaker.reset()
    #expect(breaker.state == .closed)
    #expect(breaker.stats.shadowState == .closed)
  }

  @Test func `Its stats are the same after a round trip through JSON, with units in the keys`() async throws {
    let breaker = try self.breaker(CircuitBreakerOptions(minimumCalls: 2, initialState: .halfOpen))
    _ = breaker.admit(at: self.clock.policyClock.nanoseconds)
    let stats = breaker.stats
    #expect(stats.probes == .init(underWay: 1, succeeded: 0, failed: 0))
    #expect(stats.window.failureRate == nil && stats.window.slowCallRate == nil)
    let json = try JSONEncoder().encode(stats)
    #expect(try JSONDecoder().decode(CircuitBreakerStats.self, from: json) == stats)
    breaker.reset()
    for _ in 0..<2 { try breaker.allow().settle(as: .failure) }
    let keys = try JSONSerialization.jsonObject(with: JSONEncoder().encode(breaker.stats)) as? [String: Any]
    #expect(keys?["retryAfterNanoseconds"] as? Int == 60_000_000_000)
    #expect(keys?["state"] as? String == "open")
  }

  @Test func `Rejections leave the window, and stay in the totals`() throws {
    let breaker = try self.breaker(CircuitBreakerOptions(initialState: .forcedOpen))
    for _ in 0..<3 { _ = try? breaker.allow() }
    #expect(breaker.stats.window.rejections == 3)
    self.clock.advance(by: .seconds(120))
    #expect(breaker.stats.window.rejections == 0)
    #expect(breaker.stats.totals.rejections == 3)
  }

  @Test func `Ten buckets fit into a kilobyte`() throws {
    // The shell with its core and four stripes, the events and the buckets, with what the allocator adds.
    let core = MemoryLayout<CircuitBreakerMachine>.size + MemoryLayout<CircuitGate>.size + 80
    let buckets = 10 * MemoryLayout<RollingWindow.Bucket>.size + 40
    #expect(core + buckets + 56 + 4 * 72 + 72 <= 1024)
  }
}
