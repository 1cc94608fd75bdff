import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BulkheadTests {
  private struct Failed: Error, Equatable {}

  private let clock = VirtualClock()

  private func bulkhead(_ maximum: Int, queueLimit: Int = 100) throws -> Bulkhead {
    try Bulkhead(
      name: "blocks",
      options: BulkheadOptions(maximumConcurrent: maximum, queueLimit: queueLimit),
      clock: self.clock.policyClock
    )
  }

  private func after(_ duration: Duration) -> PolicyClock.Instant {
    self.clock.policyClock.now.advanced(by: duration)
  }

  /// Returns once so many wait.
  private func waitUntil(_ bulkhead: Bulkhead, hasWaiting count: Int) async {
    while bulkhead.stats.waiting != count { await Task.yield() }
  }

  @Test func `An operation runs with a permit, and gives it back with its value`() async throws {
    let bulkhead = try self.bulkhead(2)
    let inUse = try await bulkhead.run(weight: 2) { bulkhead.stats.inUse }
    #expect(inUse == 2)
    #expect(bulkhead.stats.inUse == 0)
    #expect(bulkhead.stats.admitted == 1)
  }

  @Test func `An operation's error keeps its type, and the permit comes back`() async throws {
    let bulkhead = try self.bulkhead(1)
    do {
      try await bulkhead.run { () throws(Failed) in throw Failed() }
      Issue.record("the error was lost")
    } catch {
      #expect(error == PolicyError<Failed>.operation(Failed()))
    }
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Who waits gets the permit that is released, in order`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let (order, next) = AsyncStream.makeStream(of: Int.self)
    var tasks: [Task<Void, any Error>] = []
    for number in 1...3 {
      let task = Task { try await bulkhead.run { () throws(Never) in _ = next.yield(number) } }
      tasks.append(task)
      await self.waitUntil(bulkhead, hasWaiting: number)
    }
    permit.release()
    for task in tasks { try await task.value }
    next.finish()
    #expect(await order.reduce(into: []) { $0.append($1) } == [1, 2, 3])
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A refusal says who refused and why, and is told to who listens`() async throws {
    let bulkhead = try self.bulkhead(1, queueLimit: 0)
    var events = bulkhead.events.stream().makeAsyncIterator()
    let permit = try bulkhead.permit()
    await #expect(
      throws: PolicyError<Never>.rejected(
        Rejection(kind: .bulkhead, policy: "blocks", reason: .bulkheadFull)
      )
    ) { try await bulkhead.run {} }
    #expect(await events.next()?.occurrence == .rejected(.bulkheadFull, retryAfter: nil))
    #expect(!bulkhead.gives(2))
    #expect(await events.next()?.occurrence == .rejected(.exceedsCapacity, retryAfter: nil))
    try bulkhead.reconfigure(BulkheadOptions(maximumConcurrent: 3))
    #expect(await events.next()?.occurrence == .reconfigured)
    permit.release()
    #expect(bulkhead.stats.refused.total == 2)
  }

  @Test func `The deadline ends the wait, and one that has passed does not begin it`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let deadline = self.after(.milliseconds(5))
    let waiter = Task { try await bulkhead.run(deadline: deadline) {} }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .milliseconds(5))
    let rejection = Rejection(kind: .bulkhead, policy: "blocks", reason: .deadline)
    await #expect(throws: PolicyError<Never>.rejected(rejection)) { try await waiter.value }
    permit.release()
    await #expect(throws: PolicyError<Never>.rejected(rejection)) {
      try await bulkhead.run(deadline: deadline) {}
    }
    #expect(bulkhead.stats.refused.deadline == 2)
    #expect(bulkhead.stats.inUse == 0)
    #expect(self.clock.sleeperCount == 0)
  }

  @Test func `A permit in time ends the timer`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let deadline = self.after(.seconds(1))
    let waiter = Task { try await bulkhead.run(deadline: deadline) {} }
    await self.clock.waitForSleepers()
    permit.release()
    try await waiter.value
    while self.clock.sleeperCount > 0 { await Task.yield() }
    #expect(bulkhead.stats.waiting == 0)
  }

  @Test func `A full queue refuses at once, without a wait for the longest wait to end`() async throws {
    let options = BulkheadOptions(maximumConcurrent: 1, queueLimit: 1, maximumWait: .seconds(10))
    let bulkhead = try Bulkhead(name: "blocks", options: options, clock: self.clock.policyClock)
    let permit = try bulkhead.permit()
    let waiter = Task { try await bulkhead.run {} }
    await self.waitUntil(bulkhead, hasWaiting: 1)
    // Time stands still here: an answer at all is an answer at once.
    let full = Rejection(kind: .bulkhead, policy: "blocks", reason: .bulkheadFull)
    await #expect(throws: PolicyError<Never>.rejected(full)) { try await bulkhead.run {} }
    await self.clock.waitForSleepers()
    self.clock.advance(by: .seconds(10))
    await #expect(throws: PolicyError<Never>.rejected(full)) { try await waiter.value }
    permit.release()
    #expect(bulkhead.stats.refused.full == 2)
  }

  @Test func `A cancelled waiter leaves at once, and the permit goes to the next`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let first = Task { try await bulkhead.run {} }
    await self.waitUntil(bulkhead, hasWaiting: 1)
    let second = Task { try await bulkhead.run {} }
    await self.waitUntil(bulkhead, hasWaiting: 2)
    first.cancel()
    await #expect(throws: PolicyError<Never>.cancelled) { try await first.value }
    #expect(bulkhead.stats.waiting == 1)
    permit.release()
    try await second.value
    #expect(bulkhead.stats.cancelled == 1)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A task that was cancelled before it came does not wait, but takes a free permit`() async throws
  {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let late = Task {
      while !Task.isCancelled { await Task.yield() }
      try await bulkhead.run {}
    }
    late.cancel()
    await #expect(throws: PolicyError<Never>.cancelled) { try await late.value }
    permit.release()
    let another = Task {
      while !Task.isCancelled { await Task.yield() }
      return try await bulkhead.run { Task.isCancelled }
    }
    another.cancel()
    #expect(try await another.value)
  }

  @Test func `A permit that is dropped goes back, and one that is released goes back once`() async throws {
    let bulkhead = try self.bulkhead(2)
    do {
      let permit = try await bulkhead.acquire(weight: 2)
      #expect(permit.weight == 2)
      #expect(bulkhead.stats.inUse == 2)
    }
    #expect(bulkhead.stats.inUse == 0)
    let permit = try await bulkhead.acquire()
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `A permit may outlive its bulkhead`() throws {
    weak var released: Bulkhead?
    let permit: BulkheadPermit
    do {
      let bulkhead = try self.bulkhead(1)
      released = bulkhead
      permit = try bulkhead.permit()
    }
    #expect(released == nil)
    permit.release()
  }

  @Test(arguments: [0, -1, Int.min])
  func `A weight of less than one counts as one`(weight: Int) async throws {
    let bulkhead = try self.bulkhead(1)
    #expect(try await bulkhead.run(weight: weight) { bulkhead.stats.inUse } == 1)
    let permit = try bulkhead.permit(weight)
    #expect(permit.weight == 1)
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
    #expect(bulkhead.takeIfFree(weight: weight))
    bulkhead.release(weight: weight)
    #expect(bulkhead.stats.inUse == 0)
  }

  @Test func `Free permits that lie apart are found together`() throws {
    let bulkhead = try self.bulkhead(8)
    let permit = try bulkhead.permit(8)
    #expect(!bulkhead.gives())
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
    #expect(bulkhead.stats.admitted == 1)
  }

  @Test func `Each refusal is counted, however it was found`() async throws {
    let bulkhead = try self.bulkhead(2, queueLimit: 0)
    let permit = try bulkhead.permit(2)
    for _ in 0..<3 { #expect(!bulkhead.gives()) }
    #expect(bulkhead.stats.refused.full == 3)
    for _ in 0..<2 {
      await #expect(throws: PolicyError<Never>.self) { try await bulkhead.run {} }
    }
    #expect(!bulkhead.gives())
    permit.release()
    #expect(bulkhead.gives(2))
    #expect(bulkhead.stats.refused.full == 6)
    #expect(bulkhead.stats.refused.total == 6)
    #expect(bulkhead.stats.admitted == 2)
  }

  @Test func `Closing refuses who waits, and lets what runs end`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let waiter = Task { try await bulkhead.run {} }
    await self.waitUntil(bulkhead, hasWaiting: 1)
    bulkhead.close()
    let closed = Rejection(kind: .bulkhead, policy: "blocks", reason: .closed)
    await #expect(throws: PolicyError<Never>.rejected(closed)) { try await waiter.value }
    await #expect(throws: PolicyError<Never>.rejected(closed)) { try await bulkhead.run {} }
    permit.release()
    #expect(bulkhead.stats.inUse == 0)
    #expect(!bulkhead.gives())
  }

  @Test func `More permits wake who waits`() async throws {
    let bulkhead = try self.bulkhead(1)
    let permit = try bulkhead.permit()
    let waiter = Task { try await bulkhead.run {} }
    await self.waitUntil(bulkhead, hasWaiting: 1)
    try bulkhead.reconfigure(BulkheadOptions(maximumConcurrent: 2))
    try await waiter.value
    #expect(bulkhead.stats.inUse == 1)
    permit.release()
  }

  @Test func `An operation runs where its caller runs`() async throws {
    let bulkhead = try self.bulkhead(1)
    try await self.onMainActor(bulkhead)
  }

  @MainActor private func onMainActor(_ bulkhead: Bulkhead) async throws {
    var count = 0
    try await bulkhead.run {
      MainActor.assertIsolated()
      count += 1
    }
    #expect(count == 1)
  }
}
