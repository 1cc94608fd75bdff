import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BulkheadReservationTests {
  private struct NoPlace: Error {}

  private let clock = VirtualClock()

  private func bulkhead(_ maximum: Int, queueLimit: Int = 100) throws -> Bulkhead {
    try Bulkhead(
      name: "blocks",
      options: BulkheadOptions(maximumConcurrent: maximum, queueLimit: queueLimit),
      clock: self.clock.policyClock
    )
  }

  /// A place that must be there.
  private func place(
    _ bulkhead: Bulkhead,
    weight: Int = 1,
    priority: BulkheadPriority = .normal,
    deadline: Int64? = nil
  ) throws -> BulkheadPlace {
    let reservation = bulkhead.reserve(weight: weight, priority: priority, deadline: deadline)
    guard case .queued(let place) = reservation else { throw NoPlace() }
    return place
  }

  private func reason(_ reservation: BulkheadReservation) -> Rejection.Reason? {
    if case .refused(let refusal) = reservation { refusal.reason } else { nil }
  }

  private func waitUntil(_ bulkhead: Bulkhead, hasWaiting count: Int) async {
    while bulkhead.stats.waiting != count { await Task.yield() }
  }

  @Test func `A free permit is taken at once`() throws {
    let bulkhead = try self.bulkhead(2)
    guard case .admitted = bulkhead.reserve(weight: 2) else { throw NoPlace() }
    #expect(bulkhead.stats.inUse == 2)
    bulkhead.release(weight: 2)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Whom the queue has no place for is refused at once, and the listeners hear of it`() async throws
  {
    let bulkhead = try self.bulkhead(1, queueLimit: 1)
    let permit = try bulkhead.permit()
    let place = try self.place(bulkhead)
    var events = bulkhead.events.stream().makeAsyncIterator()
    #expect(self.reason(bulkhead.reserve()) == .bulkheadFull)
    #expect(await events.next()?.occurrence == .rejected(.bulkheadFull, retryAfter: nil))
    #expect(self.reason(bulkhead.reserve(weight: 2)) == .exceedsCapacity)
    #expect(self.reason(bulkhead.reserve(deadline: self.clock.policyClock.nanoseconds)) == .deadline)
    place.withdraw()
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Places are served in the order in which they were given, whoever waits when`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let first = try self.place(bulkhead)
    let second = Task { try await bulkhead.acquire().weight }
    await self.waitUntil(bulkhead, hasWaiting: 2)
    let third = try self.place(bulkhead)
    permit.release()
    #expect(bulkhead.stats.waiting == 2)
    #expect(await first.wait() == .admitted)
    bulkhead.release(weight: 1)
    #expect(try await second.value == 1)
    #expect(await third.wait() == .admitted)
    bulkhead.release(weight: 1)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A place that is dropped before its turn leaves the queue at once`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    var first: BulkheadPlace? = try self.place(bulkhead)
    let second = try self.place(bulkhead)
    #expect(first != nil)
    first = nil
    #expect(bulkhead.stats.waiting == 1)
    #expect(bulkhead.stats.cancelled == 1)
    permit.release()
    #expect(await second.wait() == .admitted)
    bulkhead.release(weight: 1)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A place that is dropped after its turn gives its permits to the next`() async throws {
    let bulkhead = try self.bulkhead(2)
    let permit = try bulkhead.permit(2)
    var first: BulkheadPlace? = try self.place(bulkhead, weight: 2)
    let second = try self.place(bulkhead)
    permit.release()
    #expect(first != nil)
    #expect(bulkhead.stats.inUse == 2)
    first = nil
    #expect(bulkhead.stats.inUse == 1)
    #expect(await second.wait() == .admitted)
    bulkhead.release(weight: 1)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A place is given back once, however often it is withdrawn`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let place = try self.place(bulkhead)
    permit.release()
    place.withdraw()
    place.withdraw()
    #expect(await place.wait() == .cancelled)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Who was admitted keeps the permits as the place is dropped`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    var place: BulkheadPlace? = try self.place(bulkhead)
    permit.release()
    #expect(await place?.wait() == .admitted)
    #expect(await place?.wait() == .cancelled)
    place?.withdraw()
    place = nil
    #expect(bulkhead.stats.inUse == 1)
    bulkhead.release(weight: 1)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Cancelling the task that waits gives the place back`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let place = try self.place(bulkhead)
    let waiter = Task { await place.wait() }
    waiter.cancel()
    #expect(await waiter.value == .cancelled)
    #expect(bulkhead.stats.waiting == 0)
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Withdrawing a place ends the wait for it`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let deadline = self.clock.policyClock.nanoseconds + 1_000_000
    let place = try self.place(bulkhead, deadline: deadline)
    let waiter = Task { await place.wait() }
    await self.clock.waitForSleepers()
    place.withdraw()
    #expect(await waiter.value == .cancelled)
    #expect(bulkhead.stats.waiting == 0)
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `The wait ends at the deadline that the place was given with`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let deadline = self.clock.policyClock.nanoseconds + 5_000_000
    let place = try self.place(bulkhead, deadline: deadline)
    let waiter = Task { await place.wait() }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(5))
    #expect(await waiter.value == .refused(Refusal(.deadline)))
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A place whose deadline passed while nobody waited gets no permit`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let place = try self.place(bulkhead, deadline: self.clock.policyClock.nanoseconds + 5_000_000)
    self.clock.advance(by: .milliseconds(5))
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
    #expect(await place.wait() == .refused(Refusal(.deadline)))
    #expect(bulkhead.stats.refused.deadline == 1)
  }

  @Test func `Closing refuses every place, also one that is dropped then`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let first = try self.place(bulkhead)
    var second: BulkheadPlace? = try self.place(bulkhead)
    bulkhead.close()
    #expect(await first.wait() == .refused(Refusal(.closed)))
    #expect(second != nil)
    second = nil
    #expect(bulkhead.stats.refused.closed == 2)
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Places that are dropped while they are granted lose no permit`() async throws {
    let bulkhead = try self.bulkhead(1)
    for _ in 0..<2000 {
      let permit = try bulkhead.permit()
      let place = try self.place(bulkhead)
      let dropper = Task { place.withdraw() }
      permit.release()
      await dropper.value
      #expect(bulkhead.stats.inUse == 0)
      #expect(bulkhead.stats.waiting == 0)
    }
  }
}
