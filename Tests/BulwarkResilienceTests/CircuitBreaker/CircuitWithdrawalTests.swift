import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// An admission that another policy refused to make use of, given back in each state.
@Suite struct CircuitWithdrawalTests {
  private let clock = VirtualClock()
  private let options = CircuitBreakerOptions(
    successThreshold: 1,
    probeLimit: 1,
    concurrentProbes: 1,
    recovery: RecoveryRamp(duration: .seconds(100), initialShare: 0.5)
  )

  private func breaker() throws -> CircuitBreaker {
    try CircuitBreaker(
      name: "withdrawal",
      options: self.options,
      clock: self.clock.policyClock,
      random: RandomSource(SeededGenerator(seed: 1))
    )
  }

  private var now: Int64 { self.clock.policyClock.nanoseconds }

  private func ticket(_ breaker: CircuitBreaker) -> CircuitTicket? {
    guard case .admitted(let ticket) = breaker.admit(at: self.now) else { return nil }
    return ticket
  }

  private func makeHalfOpen(_ breaker: CircuitBreaker) {
    for _ in 0..<10 { try? breaker.allow().settle(as: .failure) }
    self.clock.advance(by: .seconds(3600))
  }

  @Test func `A closed circuit does not notice`() throws {
    let breaker = try self.breaker()
    let ticket = try #require(self.ticket(breaker))
    breaker.withdraw(ticket, at: self.now)
    #expect(breaker.stats.totals.neutral == 0 && breaker.stats.window.calls == 0)
  }

  @Test func `A half-open circuit gets its probe back`() throws {
    let breaker = try self.breaker()
    self.makeHalfOpen(breaker)
    for _ in 0..<5 {
      let probe = try #require(self.ticket(breaker))
      #expect(self.ticket(breaker) == nil)
      breaker.withdraw(probe, at: self.now)
    }
    #expect(breaker.state == .halfOpen)
  }

  @Test func `A recovering circuit gets its admission back, and no more`() throws {
    let breaker = try self.breaker()
    self.makeHalfOpen(breaker)
    try breaker.allow().settle(as: .success)
    #expect(breaker.state == .recovering)
    let tickets = (0..<2).compactMap { _ in self.ticket(breaker) }
    let first = try #require(tickets.first)
    #expect(tickets.count == 1)
    breaker.withdraw(first, at: self.now)
    // What was given back and the share of one half admit at once, and then every second call as before.
    let admitted = (0..<10).count { _ in self.ticket(breaker) != nil }
    #expect((5...6).contains(admitted))
  }

  @Test func `A ticket of another generation gives nothing back`() throws {
    let breaker = try self.breaker()
    let old = try #require(self.ticket(breaker))
    self.makeHalfOpen(breaker)
    let probe = try #require(self.ticket(breaker))
    breaker.withdraw(old, at: self.now)
    #expect(self.ticket(breaker) == nil)
    breaker.withdraw(probe, at: self.now)
    breaker.disable()
    let uncounted = try #require(self.ticket(breaker))
    breaker.withdraw(uncounted, at: self.now)
    #expect(breaker.state == .disabled)
  }
}
