import BulwarkTestKit
import Testing

@testable import BulwarkResilience

private struct Unreachable: Error {}

/// Defects that other circuit breakers had, or have.
@Suite struct CircuitBreakerDefectTests {
  private let clock = VirtualClock()
  private var now: Int64 { self.clock.policyClock.nanoseconds }

  private func halfOpen(_ options: CircuitBreakerOptions = CircuitBreakerOptions(successThreshold: 1)) throws
    -> CircuitBreaker
  {
    var options = options
    options.initialState = .halfOpen
    return try CircuitBreaker(name: "peer", options: options, clock: self.clock.policyClock)
  }

  private func ticket(_ breaker: CircuitBreaker) -> CircuitTicket? {
    guard case .admitted(let ticket) = breaker.admit(at: self.now) else { return nil }
    return ticket
  }

  // MARK: Half-open for ever

  @Test func `An ignored outcome keeps no place (resilience4j 544, 903, 935)`() throws {
    let breaker = try self.halfOpen()
    for _ in 0..<100 {
      let permit = try breaker.allow()
      permit.settle(as: .neutral)
    }
    try breaker.allow().settle(as: .success)
    #expect(breaker.state == .closed)
  }

  @Test func `A probe that a later policy refuses gives its place back (Sentinel 1638)`() async throws {
    let breaker = try self.halfOpen()
    for _ in 0..<100 {
      await #expect(throws: PolicyError<PolicyError<Unreachable>>.self) {
        try await breaker.run { () throws(PolicyError<Unreachable>) in
          throw .rejected(Rejection(kind: .rateLimiter, policy: "peer", reason: .rateLimited))
        }
      }
    }
    #expect(breaker.state == .halfOpen)
    #expect(breaker.stats.probes == .init(underWay: 0, succeeded: 0, failed: 0))
  }

  @Test func `A probe that throws something unforeseen settles (Polly 1979)`() async throws {
    let breaker = try self.halfOpen()
    _ = try? await breaker.run { throw Unreachable() }
    #expect(breaker.state == .open)
  }

  @Test func `A probe that is lost does not refuse calls for days (OmniRoute 13836)`() throws {
    let breaker = try self.halfOpen()
    #expect(self.ticket(breaker) != nil)
    #expect(self.ticket(breaker) == nil)
    self.clock.advance(by: .seconds(30))
    #expect(self.ticket(breaker) == nil)
    #expect(breaker.state == .open)
    self.clock.advance(by: .seconds(60))
    try breaker.allow().settle(as: .success)
    #expect(breaker.state == .closed)
  }

  @Test func `A callee that hangs is sent ever fewer probes, not as many again and again (resilience4j 935)`()
    throws
  {
    let breaker = try self.halfOpen(CircuitBreakerOptions(successThreshold: 5))
    var sent = 0
    for _ in 0..<3_600 {
      for _ in 0..<10 where self.ticket(breaker) != nil { sent += 1 }
      self.clock.advance(by: .seconds(1))
    }
    // After 30, 120, 270, 540, 1050 s, and from then on every 630 s.
    #expect(breaker.stats.totals.openings == 9)
    #expect(sent == 5 * 9)
  }

  @Test func `Asking whether it would admit takes no place (resilience4j 858)`() throws {
    let breaker = try self.halfOpen()
    for _ in 0..<10 {
      #expect(breaker.retryAfter(at: self.now) == nil)
      #expect(breaker.state == .halfOpen)
      _ = breaker.stats
    }
    #expect(self.ticket(breaker) != nil)
  }

  @Test func `No more probes than permitted, and the total counts too (resilience4j 1432, D7)`() throws {
    let breaker = try self.halfOpen(
      CircuitBreakerOptions(successThreshold: 3, probeLimit: 4, concurrentProbes: 2)
    )
    var admitted = 0
    var underWay: [CircuitTicket] = []
    for _ in 0..<50 {
      if let ticket = self.ticket(breaker) {
        admitted += 1
        underWay.append(ticket)
        #expect(underWay.count <= 2)
      } else if !underWay.isEmpty, breaker.stats.probes?.succeeded != 2 {
        breaker.settle(underWay.removeFirst(), as: .success, at: self.now)
      }
    }
    #expect(admitted == 4)
  }

  // MARK: Cancellation

  @Test func `A cancelled probe neither closes nor opens it, and counts nowhere (D2, monix 1080)`()
    async throws
  {
    let breaker = try self.halfOpen()
    let clock = self.clock.policyClock
    let probe = Task {
      try await breaker.run { try await clock.sleep(until: .init(nanoseconds: .max)) }
    }
    await self.clock.waitForSleepers()
    #expect(breaker.stats.probes?.underWay == 1)
    probe.cancel()
    await #expect(throws: PolicyError<any Error>.self) { try await probe.value }
    #expect(breaker.state == .halfOpen)
    #expect(breaker.stats.probes == .init(underWay: 0, succeeded: 0, failed: 0))
    #expect(breaker.stats.totals.neutral == 1)
  }

  @Test func `A cancelled caller is no failure of the callee (failsafe-go D7, go-zero 4091)`() async throws {
    let breaker = try CircuitBreaker(name: "peer", clock: self.clock.policyClock)
    for _ in 0..<50 {
      _ = try? await breaker.run { throw CancellationError() }
    }
    #expect(breaker.state == .closed)
    #expect(breaker.stats.window.calls == 0)
  }

  // MARK: Shares

  @Test(arguments: [1e-10, .leastNonzeroMagnitude])
  func `A share too small to be counted in parts is reached by the first failure, and by nothing else`(
    share: Double
  ) throws {
    let breaker = try CircuitBreaker(
      name: "peer",
      options: CircuitBreakerOptions(
        failureThreshold: share,
        slowCallThreshold: .seconds(1),
        slowCallRateThreshold: share
      ),
      clock: self.clock.policyClock
    )
    for _ in 0..<9 { try breaker.allow().settle(as: .success) }
    // The next one makes up the minimum, and begins a new bucket, so that all shares are looked at.
    self.clock.advance(by: .seconds(10))
    for _ in 0..<10 { try breaker.allow().settle(as: .success) }
    #expect(breaker.state == .closed)
    try breaker.allow().settle(as: .failure)
    #expect(breaker.state == .open)
  }

  // MARK: Generations

  @Test(arguments: Verdict.allCases)
  func `What was admitted in closed mints no probe and casts no vote in half-open (D3)`(verdict: Verdict)
    throws
  {
    let breaker = try CircuitBreaker(
      name: "peer",
      options: CircuitBreakerOptions(successThreshold: 3),
      clock: self.clock.policyClock
    )
    let early = (0..<20).compactMap { _ in self.ticket(breaker) }
    for _ in 0..<10 { try breaker.allow().settle(as: .failure) }
    self.clock.advance(by: .seconds(60))
    let probes = (0..<3).compactMap { _ in self.ticket(breaker) }
    #expect(probes.count == 3 && breaker.state == .halfOpen)
    for ticket in early { breaker.settle(ticket, as: verdict, at: self.now) }
    #expect(breaker.state == .halfOpen)
    #expect(self.ticket(breaker) == nil)
    #expect(breaker.stats.totals.stale == 20)
    for probe in probes { breaker.settle(probe, as: .success, at: self.now) }
    #expect(breaker.state == .closed)
  }

  @Test func `A late outcome does not open it a second time`() throws {
    let breaker = try CircuitBreaker(name: "peer", clock: self.clock.policyClock)
    let early = (0..<30).compactMap { _ in self.ticket(breaker) }
    for ticket in early { breaker.settle(ticket, as: .failure, at: self.now) }
    #expect(breaker.stats.totals.openings == 1)
    #expect(breaker.stats.retryAfterNanoseconds == 60_000_000_000)
    #expect(breaker.stats.totals.stale == 20)
  }

  // MARK: Clocks and windows

  @Test func `A clock that goes back does not unlock it early (D4, sentinel-golang 409)`() throws {
    let breaker = try CircuitBreaker(
      name: "peer",
      options: CircuitBreakerOptions(initialState: .open),
      clock: self.clock.policyClock
    )
    for hours in [1, 24, 1_000_000] {
      self.clock.jump(by: .seconds(-hours * 3600))
      #expect(self.ticket(breaker) == nil)
      self.clock.jump(by: .seconds(hours * 3600))
    }
    self.clock.advance(by: .seconds(59))
    #expect(self.ticket(breaker) == nil)
    self.clock.advance(by: .seconds(1))
    #expect(self.ticket(breaker) != nil)
  }

  @Test func `A clock that goes back leaves the window as it is, and one that jumps ahead empties it`() throws
  {
    let breaker = try CircuitBreaker(name: "peer", clock: self.clock.policyClock)
    for _ in 0..<5 { try breaker.allow().settle(as: .failure) }
    self.clock.jump(by: .seconds(-3600))
    try breaker.allow().settle(as: .failure)
    #expect(breaker.stats.window.failures == 6)
    self.clock.jump(by: .seconds(7200))
    try breaker.allow().settle(as: .failure)
    #expect(breaker.stats.window.failures == 1)
    #expect(breaker.state == .closed)
  }

  @Test func `An idle second leaves no hole in the window (resilience4j 2379)`() throws {
    let breaker = try CircuitBreaker(name: "peer", clock: self.clock.policyClock)
    for _ in 0..<500 {
      self.clock.advance(by: .milliseconds(1_001))
      try breaker.allow().settle(as: .success)
    }
    #expect((54...60).contains(breaker.stats.window.calls))
  }

  @Test func `Its own refusals are no outcomes, and do not slow its recovery (D8, go-zero 4101)`() throws {
    let breaker = try CircuitBreaker(
      name: "peer",
      options: CircuitBreakerOptions(successThreshold: 1),
      clock: self.clock.policyClock
    )
    for _ in 0..<10 { try breaker.allow().settle(as: .failure) }
    for _ in 0..<10_000 { #expect(self.ticket(breaker) == nil) }
    self.clock.advance(by: .seconds(60))
    try breaker.allow().settle(as: .success)
    #expect(breaker.state == .closed)
    try breaker.allow().settle(as: .failure)
    #expect(breaker.state == .closed)
    #expect(breaker.stats.totals.failures == 11)
  }

  @Test func `Reading its state and stats changes nothing (risingwave 19930)`() throws {
    let breaker = try CircuitBreaker(
      name: "peer",
      options: CircuitBreakerOptions(initialState: .open),
      clock: self.clock.policyClock
    )
    self.clock.advance(by: .seconds(60))
    for _ in 0..<3 {
      #expect(breaker.state == .open)
      #expect(breaker.stats.state == .open)
    }
    #expect(self.ticket(breaker)?.probe == 1)
  }
}
