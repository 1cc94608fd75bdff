import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// What went wrong in other bulkheads and limiters.
@Suite struct BulkheadDefectTests {
  private let clock = VirtualClock()

  private func bulkhead(_ maximum: Int) throws -> Bulkhead {
    try Bulkhead(
      name: "blocks",
      options: BulkheadOptions(maximumConcurrent: maximum, queueLimit: 10_000),
      clock: self.clock.policyClock
    )
  }

  private func waitUntil(_ bulkhead: Bulkhead, hasWaiting count: Int) async {
    while bulkhead.stats.waiting != count { await Task.yield() }
  }

  @Test func `Permits do not leak when operations are cancelled (resilience4j 682, 332, 543, 1624)`()
    async throws
  {
    let bulkhead = try self.bulkhead(3)
    let clock = self.clock.policyClock
    for _ in 0..<20 {
      let tasks = (0..<3).map { _ in
        Task { try await bulkhead.run { try await clock.sleep(until: .init(nanoseconds: .max)) } }
      }
      while bulkhead.stats.inUse < 3 { await Task.yield() }
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
      #expect(bulkhead.stats.inUse == 0)
    }
  }

  @Test func `A thousand cancelled waiters leave nothing behind (failsafe-go 0.9.2)`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let waiters = (0..<1000).map { _ in Task { try await bulkhead.run {} } }
    await self.waitUntil(bulkhead, hasWaiting: 1000)
    for waiter in waiters { waiter.cancel() }
    for waiter in waiters {
      await #expect(throws: PolicyError<Never>.cancelled) { try await waiter.value }
    }
    #expect(bulkhead.stats.waiting == 0)
    permit.release()
    #expect(bulkhead.gives())
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Cancellation that races with the permit leaks neither (go-zero 4091, 792)`() async throws {
    let bulkhead = try self.bulkhead(1)
    for _ in 0..<300 {
      let permit = try bulkhead.permit()
      let waiter = Task { try await bulkhead.run {} }
      await self.waitUntil(bulkhead, hasWaiting: 1)
      let canceller = Task { waiter.cancel() }
      permit.release()
      _ = await (waiter.result, canceller.value)
      #expect(bulkhead.stats.inUse == 0)
      #expect(bulkhead.stats.waiting == 0)
    }
    #expect(bulkhead.gives())
  }

  @Test
  func `A wait that cannot end in time is refused now, not when the time is over (resilience4j 1283, 2336)`()
    async throws
  {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let past = self.clock.policyClock.now
    await #expect(throws: PolicyError<Never>.self) { try await bulkhead.run(deadline: past) {} }
    #expect(self.clock.sleeperCount == 0)
    permit.release()
  }

  @Test func `A check takes nothing: asking for stats or options changes no count (resilience4j 858)`() throws
  {
    let bulkhead = try self.bulkhead(2)
    let before = bulkhead.stats
    for _ in 0..<100 { _ = (bulkhead.stats, bulkhead.options) }
    #expect(bulkhead.stats == before)
  }

  @Test func `Who tries does not pass those who wait (guava 1754)`() async throws {
    let bulkhead = try self.bulkhead(2)
    let permit = try bulkhead.permit()
    let waiter = Task { try await bulkhead.acquire(weight: 2).weight }
    await self.waitUntil(bulkhead, hasWaiting: 1)
    // One permit is free, and would fit.
    #expect(!bulkhead.gives())
    #expect(!bulkhead.takeIfFree(weight: 1))
    permit.release()
    #expect(try await waiter.value == 2)
  }

  @Test func `A release wakes one waiter for each permit, not all of them (governor's until_ready)`() throws {
    var bulkhead = BulkheadHarness(maximum: 2)
    _ = bulkhead.acquire(0, weight: 2)
    for waiter in 1...100 { _ = bulkhead.acquire(waiter) }
    #expect(bulkhead.release(1) == [.admitted(1)])
    #expect(bulkhead.release(1) == [.admitted(2)])
    #expect(bulkhead.machine.stats.waiting == 98)
  }
}
