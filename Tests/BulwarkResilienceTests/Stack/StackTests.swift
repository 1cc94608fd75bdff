import BulwarkTestKit
import Testing

@testable import BulwarkResilience

struct Refused: Error, Hashable {}

/// A stack on a clock that stands still, with the policies that a test asks for.
struct StackBench {
  let clock = VirtualClock()
  let breaker: CircuitBreaker
  let limiter: RateLimiter
  let bulkhead: Bulkhead
  let stack: ResilienceStack

  init(
    breaker: CircuitBreakerOptions = CircuitBreakerOptions(),
    limiter: RateLimiterOptions = RateLimiterOptions(rate: 1, burst: 1000),
    bulkhead: BulkheadOptions = BulkheadOptions(maximumConcurrent: 100, queueLimit: 0),
    retry: RetryOptions? = nil,
    timeout: Duration? = nil,
    attemptTimeout: Duration? = nil
  ) throws {
    let clock = self.clock.policyClock
    let random = RandomSource(SeededGenerator(seed: 1))
    self.breaker = try CircuitBreaker(name: "breaker", options: breaker, clock: clock, random: random)
    self.limiter = try RateLimiter(name: "limiter", options: limiter, clock: clock)
    self.bulkhead = try Bulkhead(name: "bulkhead", options: bulkhead, clock: clock)
    self.stack = ResilienceStack(
      timeout: try timeout.map {
        try Timeout(name: "total", options: TimeoutOptions(limit: $0), clock: clock)
      },
      retry: try retry.map { try Retry(name: "retry", options: $0, clock: clock, random: random) },
      circuitBreaker: self.breaker,
      rateLimiter: self.limiter,
      bulkhead: self.bulkhead,
      attemptTimeout: try attemptTimeout.map {
        try Timeout(name: "attempt", options: TimeoutOptions(limit: $0), clock: clock)
      }
    )
  }

  func fail() async {
    _ = try? await self.stack.run { () async throws(Refused) in throw Refused() }
  }

  /// Opens the circuit by failures, and lets its break pass: the next call is a probe.
  func makeHalfOpen() async {
    while self.breaker.state == .closed { await self.fail() }
    self.clock.advance(by: .seconds(3600))
  }

  /// Why a call that does nothing is refused, if it is.
  func refusal() async -> Rejection? {
    do {
      try await self.stack.run {}
      return nil
    } catch {
      guard case .rejected(let rejection) = error else { return nil }
      return rejection
    }
  }
}

@Suite struct StackTests {
  @Test func `A call goes through and leaves nothing behind`() async throws {
    let bench = try StackBench()
    let answer = try await bench.stack.run { 42 }
    #expect(answer == 42)
    #expect(bench.bulkhead.stats.inUse == 0)
    #expect(bench.limiter.remaining == 999)
    #expect(bench.breaker.stats.window.calls == 1)
  }

  @Test func `An operation's error keeps its type and counts as a failure`() async throws {
    let bench = try StackBench()
    let error = await #expect(throws: PolicyError<Refused>.self) {
      try await bench.stack.run { () async throws(Refused) in throw Refused() }
    }
    #expect(error == .operation(Refused()))
    #expect(bench.breaker.stats.window.failures == 1)
    #expect(bench.bulkhead.stats.inUse == 0)
  }

  @Test func `The caller's classifier has the last word`() async throws {
    let bench = try StackBench()
    _ = try? await bench.stack.run(classifying: { _ in .neutral }) { () async throws(Refused) in
      throw Refused()
    }
    #expect(bench.breaker.stats.window.calls == 0)
  }

  @Test func `A stack of nothing just runs`() async throws {
    let answer = try await ResilienceStack().run { "as it is" }
    #expect(answer == "as it is")
  }

  @Test func `An open circuit spends no token and takes no place`() async throws {
    let bench = try StackBench()
    bench.breaker.forceOpen()
    let before = bench.limiter.remaining
    let refusal = await bench.refusal()
    #expect(refusal?.kind == .circuitBreaker && refusal?.reason == .circuitForcedOpen)
    #expect(bench.limiter.remaining == before)
    #expect(bench.bulkhead.stats.admitted == 0)
  }

  @Test func `A full bulkhead gives the token back`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0))
    let permit = bench.bulkhead.tryAcquire()
    let before = bench.limiter.remaining
    let refusal = await bench.refusal()
    #expect(refusal?.kind == .bulkhead && refusal?.reason == .bulkheadFull)
    #expect(bench.limiter.remaining == before)
    _ = consume permit
    #expect(await bench.refusal() == nil)
  }

  @Test func `Own refusals are never outcomes, however many`() async throws {
    let bench = try StackBench(limiter: RateLimiterOptions(rate: 0.001, burst: 1))
    #expect(await bench.refusal() == nil)
    for _ in 0..<100 {
      let refusal = await bench.refusal()
      #expect(refusal?.kind == .rateLimiter && refusal?.reason == .rateLimited)
      #expect(refusal?.retryAfter != nil)
    }
    #expect(bench.breaker.stats.window.calls == 1)
    #expect(bench.breaker.state == .closed)
  }

  /// Sentinel #1638: the probe passes one rule, a later one blocks it, and the circuit stays half-open for ever.
  @Test func `A limiter that refuses the probe gives the probe's place back`() async throws {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(successThreshold: 1, probeLimit: 1, concurrentProbes: 1),
      limiter: RateLimiterOptions(rate: 0.0001, burst: 10)
    )
    await bench.makeHalfOpen()
    bench.limiter.drain()
    for _ in 0..<20 { #expect(await bench.refusal()?.kind == .rateLimiter) }
    bench.clock.advance(by: .seconds(20_000))
    #expect(await bench.refusal() == nil)
    #expect(bench.breaker.state == .closed)
  }

  @Test func `A bulkhead that refuses the probe gives the probe's place back`() async throws {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(successThreshold: 1, probeLimit: 1, concurrentProbes: 1),
      bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0)
    )
    await bench.makeHalfOpen()
    let permit = bench.bulkhead.tryAcquire()
    for _ in 0..<20 { #expect(await bench.refusal()?.kind == .bulkhead) }
    _ = consume permit
    #expect(await bench.refusal() == nil)
    #expect(bench.breaker.state == .closed)
  }
}

@Suite struct StackRollbackTests {
  @Test func `Who is turned away by the bulkhead was never there for the breaker`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0))
    let permit = bench.bulkhead.tryAcquire()
    for _ in 0..<50 { #expect(await bench.refusal()?.kind == .bulkhead) }
    let totals = bench.breaker.stats.totals
    #expect(totals.neutral == 0 && totals.successes == 0 && totals.stale == 0)
    _ = consume permit
  }

  @Test func `A recovering circuit's admission that is rolled back is there for the next caller`()
    async throws
  {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(
        successThreshold: 1,
        recovery: RecoveryRamp(duration: .seconds(100), initialShare: 0.1)
      ),
      bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 0)
    )
    await bench.makeHalfOpen()
    #expect(await bench.refusal() == nil)
    #expect(bench.breaker.state == .recovering)
    let permit = bench.bulkhead.tryAcquire()
    var turnedAway = 0
    for _ in 0..<30 where await bench.refusal()?.kind == .bulkhead { turnedAway += 1 }
    #expect(turnedAway > 0)
    _ = consume permit
    // The unit that the last of them gave back, or that is about to be earned, admits soon.
    var calls = 1
    while await bench.refusal() != nil { calls += 1 }
    #expect(calls <= 10)
    #expect(bench.breaker.stats.totals.neutral == 0)
  }

  @Test func `A recovering circuit admits those who had to wait at its own share`() async throws {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(
        successThreshold: 1,
        recovery: RecoveryRamp(duration: .seconds(1000), initialShare: 0.25)
      ),
      bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 1)
    )
    await bench.makeHalfOpen()
    #expect(await bench.refusal() == nil)
    var admitted = 0
    for _ in 0..<40 {
      let permit = bench.bulkhead.tryAcquire()
      let call = Task { await bench.refusal() }
      // Either refused by the circuit at once, or waiting.
      while bench.bulkhead.stats.waiting == 0, bench.breaker.stats.window.rejections == 0 {
        await Task.yield()
      }
      for _ in 0..<20 { await Task.yield() }
      _ = consume permit
      if await call.value == nil { admitted += 1 }
    }
    #expect((5...15).contains(admitted), "\(admitted) of 40 at a share of a quarter")
  }

  @Test func `No attempt starts at its deadline or later`() async throws {
    let bench = try StackBench()
    var ran = 0
    for offset in [Duration.zero, .seconds(-1)] {
      let deadline = bench.clock.policyClock.now.advanced(by: offset)
      let error = await #expect(throws: PolicyError<Never>.self) {
        try await bench.stack.run(deadline: deadline) { ran += 1 }
      }
      guard case .rejected(let rejection) = error else { Issue.record("another end"); return }
      #expect(rejection.reason == .deadline && rejection.policy == "deadline")
    }
    #expect(ran == 0)
    #expect(bench.limiter.remaining == 1000 && bench.bulkhead.stats.admitted == 0)
  }
}

@Suite struct StackWaitingTests {
  @Test func `A call that waits in the bulkhead runs when its turn has come`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 4))
    let permit = bench.bulkhead.tryAcquire()
    let waiting = Task { try await bench.stack.run { "done" } }
    while bench.bulkhead.stats.waiting == 0 { await Task.yield() }
    #expect(bench.breaker.stats.window.calls == 0)
    _ = consume permit
    #expect(try await waiting.value == "done")
    #expect(bench.bulkhead.stats.inUse == 0)
  }

  @Test func `A caller who goes away while it waits takes nothing along`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 4))
    let permit = bench.bulkhead.tryAcquire()
    let before = bench.limiter.remaining
    let waiting = Task { try await bench.stack.run {} }
    while bench.bulkhead.stats.waiting == 0 { await Task.yield() }
    waiting.cancel()
    let error = await #expect(throws: PolicyError<Never>.self) { try await waiting.value }
    #expect(error == .cancelled)
    #expect(bench.bulkhead.stats.waiting == 0)
    #expect(bench.limiter.remaining == before)
    _ = consume permit
    #expect(bench.bulkhead.stats.inUse == 0)
    #expect(bench.breaker.stats.window.calls == 0)
  }

  @Test func `A circuit that opens during the wait refuses, and everything is given back`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 4))
    let permit = bench.bulkhead.tryAcquire()
    let before = bench.limiter.remaining
    let waiting = Task { await bench.refusal() }
    while bench.bulkhead.stats.waiting == 0 { await Task.yield() }
    bench.breaker.forceOpen()
    _ = consume permit
    #expect(await waiting.value?.reason == .circuitForcedOpen)
    #expect(bench.bulkhead.stats.inUse == 0)
    #expect(bench.limiter.remaining == before)
  }

  @Test func `No wait goes beyond the caller's deadline`() async throws {
    let bench = try StackBench(bulkhead: BulkheadOptions(maximumConcurrent: 1, queueLimit: 4))
    let permit = bench.bulkhead.tryAcquire()
    let deadline = bench.clock.policyClock.now.advanced(by: .seconds(1))
    let waiting = Task { try await bench.stack.run(deadline: deadline) {} }
    await bench.clock.waitForSleepers()
    bench.clock.advance(by: .seconds(1))
    let error = await #expect(throws: PolicyError<Never>.self) { try await waiting.value }
    guard case .rejected(let rejection) = error else { Issue.record("another end"); return }
    #expect(rejection.kind == .bulkhead && rejection.reason == .deadline)
    _ = consume permit
  }

  @Test func `A call waits for its token first and holds no place meanwhile`() async throws {
    let bench = try StackBench(
      limiter: RateLimiterOptions(rate: 1, burst: 1, queueLimit: 4, maximumWait: .seconds(5))
    )
    #expect(await bench.refusal() == nil)
    let waiting = Task { try await bench.stack.run { "done" } }
    while bench.limiter.stats.waiting == 0 { await Task.yield() }
    #expect(bench.bulkhead.stats.inUse == 0)
    await bench.clock.waitForSleepers()
    bench.clock.advance(by: .seconds(1))
    #expect(try await waiting.value == "done")
  }
}

@Suite struct StackRetryTests {
  @Test func `Each attempt is judged, and the third may succeed`() async throws {
    let bench = try StackBench(retry: RetryOptions(backoff: .constant(.zero)))
    var attempts = 0
    let answer = try await bench.stack.run { () async throws(Refused) -> Int in
      attempts += 1
      guard attempts == 3 else { throw Refused() }
      return attempts
    }
    #expect(answer == 3)
    #expect(bench.breaker.stats.window.calls == 3 && bench.breaker.stats.window.failures == 2)
    #expect(bench.limiter.remaining == 997)
  }

  @Test func `Retry gives up at once when the circuit has opened`() async throws {
    let bench = try StackBench(
      breaker: CircuitBreakerOptions(minimumCalls: 2),
      retry: RetryOptions(maximumAttempts: 10, backoff: .constant(.milliseconds(100)))
    )
    let call = Task { try await bench.stack.run { () async throws(Refused) in throw Refused() } }
    await bench.clock.waitForSleepers()
    bench.clock.advance(by: .milliseconds(100))
    let error = await #expect(throws: PolicyError<Refused>.self) { try await call.value }
    #expect(error == .operation(Refused()))
    #expect(bench.breaker.state == .open)
    #expect(bench.stack.retry?.stats.gaveUpCircuitOpen == 1)
    #expect(bench.breaker.stats.window.calls == 2)
    #expect(bench.clock.sleeperCount == 0)
  }

  @Test func `Retry does not begin a sleep that the total timeout would end`() async throws {
    let bench = try StackBench(
      retry: RetryOptions(backoff: .constant(.seconds(5))),
      timeout: .seconds(4)
    )
    let error = await #expect(throws: PolicyError<Refused>.self) {
      try await bench.stack.run { () async throws(Refused) in throw Refused() }
    }
    #expect(error == .operation(Refused()))
    #expect(bench.stack.retry?.stats.gaveUpDeadline == 1)
  }

  @Test func `An attempt that runs out of its own time is a failure and is made again`() async throws {
    let bench = try StackBench(retry: RetryOptions(backoff: .constant(.zero)), attemptTimeout: .seconds(1))
    let clock = bench.clock.policyClock
    let call = Task {
      var attempts = 0
      return try await bench.stack.run { () async throws(Refused) -> Int in
        attempts += 1
        if attempts == 1 { try? await clock.sleep(until: clock.now.advanced(by: .seconds(60))) }
        return attempts
      }
    }
    await bench.clock.waitForSleepers(2)
    bench.clock.advance(by: .seconds(1))
    #expect(try await call.value == 2)
    #expect(bench.breaker.stats.window.failures == 1 && bench.breaker.stats.window.calls == 2)
    #expect(bench.bulkhead.stats.inUse == 0)
  }

  @Test func `A callee that hangs opens the circuit, whichever limit of the stack cuts the attempts`()
    async throws
  {
    for limit in ["retry", "attempt", "total"] {
      let bench = try StackBench(
        breaker: CircuitBreakerOptions(minimumCalls: 3),
        retry: limit == "total"
          ? nil
          : RetryOptions(
            maximumAttempts: 10,
            backoff: .constant(.zero),
            attemptTimeout: limit == "retry" ? .seconds(1) : nil
          ),
        timeout: limit == "total" ? .seconds(1) : nil,
        attemptTimeout: limit == "attempt" ? .seconds(1) : nil
      )
      let clock = bench.clock.policyClock
      let calls = Task {
        for _ in 0..<3 {
          _ = try? await bench.stack.run { try await clock.sleep(until: .init(nanoseconds: .max - 1)) }
        }
      }
      let timekeeper = Task {
        while !Task.isCancelled {
          if bench.clock.sleeperCount >= 2 { bench.clock.advance(by: .seconds(1)) }
          await Task.yield()
        }
      }
      while bench.breaker.state == .closed, bench.breaker.stats.totals.neutral < 10 { await Task.yield() }
      #expect(bench.breaker.state == .open, "\(limit)")
      await calls.value
      timekeeper.cancel()
      #expect(bench.bulkhead.stats.inUse == 0)
    }
  }

  @Test func `An attempt that the caller's deadline cut short says nothing about the callee`() async throws {
    let bench = try StackBench(attemptTimeout: .seconds(10))
    let clock = bench.clock.policyClock
    let deadline = clock.now.advanced(by: .seconds(1))
    let call = Task {
      try await bench.stack.run(deadline: deadline) {
        try? await clock.sleep(until: clock.now.advanced(by: .seconds(60)))
      }
    }
    await bench.clock.waitForSleepers(2)
    bench.clock.advance(by: .seconds(1))
    let error = await #expect(throws: PolicyError<Never>.self) { try await call.value }
    guard case .timedOut = error else { Issue.record("another end"); return }
    #expect(bench.breaker.stats.window.calls == 0)
    #expect(bench.bulkhead.stats.inUse == 0)
  }
}
