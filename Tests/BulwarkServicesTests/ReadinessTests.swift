import BulwarkCore
import BulwarkInProcess
import BulwarkTestKit
import Testing

@testable import BulwarkResilience
@testable import BulwarkServices

@Suite(.timeLimit(.minutes(1))) struct ReadinessTests {
  private struct Failed: Error {}

  private let clock = VirtualClock()
  private let manager: ResilienceManager
  private let reporter = HealthReporter()

  init() {
    self.manager = ResilienceManager(
      clock: self.clock.policyClock,
      random: RandomSource(SeededGenerator(seed: 1))
    )
  }

  /// A circuit that opens at its first failure, for ten seconds.
  private func circuit(_ name: String) throws -> CircuitBreaker {
    let options = CircuitBreakerOptions(
      consecutiveFailures: 1,
      breakDuration: Backoff(base: .seconds(10), jitter: .none),
      successThreshold: 1
    )
    return try self.manager.circuitBreaker(name, options)
  }

  private func fail(_ circuit: CircuitBreaker) async {
    await #expect(throws: PolicyError<any Error>.self) { try await circuit.run { throw Failed() } }
  }

  @Test func `A circuit too many takes the services out, and is told at once`() async throws {
    let one = try self.circuit("one")
    let other = try self.circuit("other")
    self.reporter.follow(self.manager, maximumOpenCircuits: 1)
    one.forceOpen()
    #expect(self.reporter.status() == .serving)
    other.forceOpen()
    #expect(self.reporter.status() == .notServing)
    one.reset()
    #expect(self.reporter.status() == .serving)
  }

  @Test func `The services come back when the break is over, by the manager's clock and with no call`()
    async throws
  {
    let circuit = try self.circuit("one")
    self.reporter.follow(self.manager, maximumOpenCircuits: 0)
    let health = HealthClient(InProcessClient(to: InProcessServer { HealthService(self.reporter) }))
    var watch = health.watch(HealthCheckRequest()).makeAsyncIterator()
    #expect(try await watch.next()?.status == .serving)
    await self.fail(circuit)
    #expect(self.reporter.status() == .notServing)
    #expect(try await watch.next()?.status == .notServing)
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(9))
    #expect(self.reporter.status() == .notServing)
    self.clock.advance(by: .seconds(1))
    #expect(try await watch.next()?.status == .serving)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `A circuit that is open already counts from the start`() async throws {
    let circuit = try self.circuit("one")
    await self.fail(circuit)
    self.reporter.follow(self.manager, maximumOpenCircuits: 0)
    #expect(self.reporter.status() == .notServing)
    await self.clock.waitForSleepers()
    #expect(self.clock.nextWakeUp == self.clock.now.advanced(by: .seconds(10)))
  }

  @Test func `A circuit that was opened by hand is waited for without a timer`() throws {
    try self.circuit("one").forceOpen()
    self.reporter.follow(self.manager, maximumOpenCircuits: 0)
    #expect(self.reporter.status() == .notServing)
    #expect(self.manager.timeToBreakEnd == nil)
  }

  @Test func `All managers that are followed have to be ready`() throws {
    let other = ResilienceManager(clock: self.clock.policyClock)
    self.reporter.follow(self.manager, maximumOpenCircuits: 0)
    self.reporter.follow(other, maximumOpenCircuits: 0)
    try self.circuit("one").forceOpen()
    try other.circuitBreaker("two").forceOpen()
    try self.circuit("one").reset()
    #expect(self.reporter.status() == .notServing)
    try other.circuitBreaker("two").reset()
    #expect(self.reporter.status() == .serving)
  }

  @Test func `A reporter that is gone listens to nobody`() throws {
    var reporter: HealthReporter? = HealthReporter()
    reporter?.follow(self.manager)
    #expect(self.manager.events.hasListeners)
    reporter = nil
    #expect(!self.manager.events.hasListeners)
  }
}
