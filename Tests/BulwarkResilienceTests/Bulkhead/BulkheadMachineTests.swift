import Testing

@testable import BulwarkResilience

@Suite struct BulkheadMachineTests {
  @Test func `A caller who may not wait is refused at once, and takes nobody's place`() {
    var harness = BulkheadHarness(maximum: 1, queueLimit: 1)
    #expect(harness.acquire(1) == [.admitted(1)])
    #expect(harness.acquire(2, .low) == [])
    _ = harness.reconfigure { $0.maximumWait = .zero }
    #expect(harness.acquire(3, .high) == [.refused(3, .bulkheadFull)])
    #expect(harness.release() == [.admitted(2)])
  }

  @Test func `Permits are given while there are any, then callers wait in the order in which they came`() {
    var bulkhead = BulkheadHarness(maximum: 2)
    #expect(bulkhead.acquire(1) == [.admitted(1)])
    #expect(bulkhead.acquire(2) == [.admitted(2)])
    #expect(bulkhead.acquire(3) == [])
    #expect(bulkhead.acquire(4) == [])
    #expect(bulkhead.release() == [.admitted(3)])
    #expect(bulkhead.release() == [.admitted(4)])
    #expect(bulkhead.release() == [])
    #expect(bulkhead.machine.stats.inUse == 1)
    #expect(bulkhead.machine.stats.admitted == 4)
  }

  @Test func `A full queue refuses at once`() {
    var bulkhead = BulkheadHarness(maximum: 1, queueLimit: 1)
    #expect(bulkhead.acquire(1) == [.admitted(1)])
    #expect(bulkhead.acquire(2) == [])
    #expect(bulkhead.acquire(3) == [.refused(3, .bulkheadFull)])
    #expect(bulkhead.machine.stats.refused.full == 1)
    #expect(bulkhead.machine.stats.waiting == 1)
  }

  @Test func `Without a queue whoever finds no permit is refused, whatever the priority`() {
    var bulkhead = BulkheadHarness(maximum: 1, queueLimit: 0)
    #expect(bulkhead.acquire(1, .low) == [.admitted(1)])
    #expect(bulkhead.acquire(2, .high) == [.refused(2, .bulkheadFull)])
  }

  @Test func `Trying takes a free permit, but never one that somebody waits for`() {
    var bulkhead = BulkheadHarness(maximum: 3)
    #expect(bulkhead.machine.take(2) == nil)
    #expect(bulkhead.acquire(1, weight: 2) == [])
    // One permit is free, and stays so for the one who needs two.
    #expect(bulkhead.machine.take(1) == Refusal(.bulkheadFull))
    #expect(bulkhead.withdraw(1, .cancellation) == [.cancelled(1)])
    #expect(bulkhead.machine.take(1) == nil)
    #expect(bulkhead.machine.take(1) == Refusal(.bulkheadFull))
    #expect(bulkhead.machine.stats.refused.full == 2)
  }

  @Test func `What can never fit is refused at once, and apart from what could later`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    #expect(bulkhead.acquire(1, weight: 5) == [.refused(1, .exceedsCapacity)])
    #expect(bulkhead.acquire(2, weight: .max) == [.refused(2, .exceedsCapacity)])
    #expect(bulkhead.machine.take(5) == Refusal(.exceedsCapacity))
    #expect(bulkhead.acquire(3, weight: 4) == [.admitted(3)])
    #expect(bulkhead.machine.stats.refused.exceedsCapacity == 3)
  }

  @Test func `A heavy caller holds up those behind it, so that they do not starve it`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    #expect(bulkhead.acquire(1, weight: 2) == [.admitted(1)])
    #expect(bulkhead.acquire(2, weight: 4) == [])
    #expect(bulkhead.acquire(3, weight: 1) == [])
    #expect(bulkhead.release(2) == [.admitted(2)])
    #expect(bulkhead.release(4) == [.admitted(3)])
  }

  @Test func `When the heavy caller leaves, those whom it held up are served`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    #expect(bulkhead.acquire(1, weight: 2) == [.admitted(1)])
    #expect(bulkhead.acquire(2, weight: 4) == [])
    #expect(bulkhead.acquire(3, weight: 1) == [])
    #expect(bulkhead.acquire(4, weight: 2) == [])
    #expect(bulkhead.withdraw(2, .cancellation) == [.cancelled(2), .admitted(3)])
    #expect(bulkhead.machine.stats.inUse == 3)
    #expect(bulkhead.machine.stats.cancelled == 1)
  }

  @Test func `One release can serve several`() {
    var bulkhead = BulkheadHarness(maximum: 3)
    #expect(bulkhead.acquire(1, weight: 3) == [.admitted(1)])
    for waiter in 2...5 { #expect(bulkhead.acquire(waiter) == []) }
    #expect(bulkhead.release(3) == [.admitted(2), .admitted(3), .admitted(4)])
  }

  @Test func `A deadline that has passed is refused at once, even if a permit is free`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    #expect(bulkhead.acquire(1, deadline: bulkhead.now) == [.refused(1, .deadline)])
    #expect(bulkhead.acquire(2, deadline: .min) == [.refused(2, .deadline)])
    #expect(bulkhead.acquire(3, deadline: bulkhead.now + 1) == [.admitted(3)])
    #expect(bulkhead.machine.stats.refused.deadline == 2)
  }

  @Test func `A wait ends at the deadline or at the longest wait allowed, and the refusal says which`() {
    var bulkhead = BulkheadHarness(maximum: 1, maximumWait: .milliseconds(10))
    let start = bulkhead.now
    _ = bulkhead.acquire(1)
    #expect(bulkhead.acquire(2) == [])
    #expect(bulkhead.acquire(3, deadline: start + 5) == [])
    #expect(bulkhead.acquire(4, deadline: .max) == [])
    #expect(bulkhead.limits == [2: start + 10_000_000, 3: start + 5, 4: start + 10_000_000])
    bulkhead.advance(milliseconds: 10)
    #expect(bulkhead.withdraw(3, .deadline) == [.refused(3, .deadline)])
    #expect(bulkhead.withdraw(2, .deadline) == [.refused(2, .bulkheadFull)])
    #expect(bulkhead.withdraw(4, .deadline) == [.refused(4, .bulkheadFull)])
  }

  @Test func `No permit goes to a waiter whose time is over, even before its timer says so`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(1)
    #expect(bulkhead.acquire(2, deadline: bulkhead.now + 5) == [])
    #expect(bulkhead.acquire(3) == [])
    bulkhead.now += 5
    #expect(bulkhead.release() == [.refused(2, .deadline), .admitted(3)])
    #expect(bulkhead.withdraw(2, .deadline) == [])
  }

  @Test func `A withdrawal that comes after the permit changes nothing`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(1)
    #expect(bulkhead.acquire(2) == [])
    #expect(bulkhead.release() == [.admitted(2)])
    #expect(bulkhead.withdraw(2, .cancellation) == [])
    #expect(bulkhead.withdraw(2, .deadline) == [])
    #expect(bulkhead.machine.stats.inUse == 1)
    // Another one has taken over the place in the meantime, and must not be withdrawn in its stead.
    #expect(bulkhead.acquire(3) == [])
    #expect(bulkhead.withdraw(2, .cancellation) == [])
    #expect(bulkhead.machine.stats.waiting == 1)
  }

  @Test func `Fewer permits than are in use are a debt that releases pay`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    _ = bulkhead.acquire(1, weight: 4)
    #expect(bulkhead.acquire(2) == [])
    #expect(bulkhead.reconfigure { $0.maximumConcurrent = 2 } == [])
    #expect(bulkhead.machine.stats.inUse == 4)
    #expect(bulkhead.machine.stats.maximum == 2)
    #expect(bulkhead.release(2) == [])
    #expect(bulkhead.machine.take(1) == Refusal(.bulkheadFull))
    #expect(bulkhead.release(1) == [.admitted(2)])
    #expect(bulkhead.machine.stats.inUse == 2)
  }

  @Test func `More permits go to those who wait`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(1)
    for waiter in 2...4 { #expect(bulkhead.acquire(waiter) == []) }
    #expect(bulkhead.reconfigure { $0.maximumConcurrent = 3 } == [.admitted(2), .admitted(3)])
    #expect(bulkhead.machine.stats.inUse == 3)
  }

  @Test func `Who waits for more than there now is, is refused, and holds nobody up`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    _ = bulkhead.acquire(1)
    #expect(bulkhead.acquire(2, weight: 4) == [])
    #expect(bulkhead.acquire(3, weight: 2) == [])
    let told = bulkhead.reconfigure { $0.maximumConcurrent = 3 }
    #expect(told == [.refused(2, .exceedsCapacity), .admitted(3)])
  }

  @Test func `A shorter queue keeps who is in it`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    for waiter in 1...3 { _ = bulkhead.acquire(waiter) }
    #expect(bulkhead.reconfigure { $0.queueLimit = 1 } == [])
    #expect(bulkhead.acquire(4) == [.refused(4, .bulkheadFull)])
    #expect(bulkhead.release() == [.admitted(2)])
    #expect(bulkhead.release() == [.admitted(3)])
  }

  @Test func `Closing refuses who waits and who comes, and takes permits back`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(1)
    _ = bulkhead.acquire(2, .low)
    _ = bulkhead.acquire(3, .high)
    #expect(bulkhead.close() == [.refused(3, .closed), .refused(2, .closed)])
    #expect(bulkhead.acquire(4) == [.refused(4, .closed)])
    #expect(bulkhead.machine.take(1) == Refusal(.closed))
    #expect(bulkhead.release() == [])
    #expect(bulkhead.machine.take(1) == Refusal(.closed))
    #expect(bulkhead.machine.takeSurplus() == nil)
    #expect(bulkhead.machine.stats.inUse == 0)
    #expect(bulkhead.machine.stats.refused.closed == 5)
    #expect(bulkhead.machine.stats.refused.total == 5)
  }

  @Test func `Free permits are handed out only while nobody waits`() {
    var bulkhead = BulkheadHarness(maximum: 3)
    #expect(bulkhead.machine.takeSurplus() == 3)
    #expect(bulkhead.machine.takeSurplus() == nil)
    bulkhead.machine.deposit(PermitPool.Collected(permits: 1, admitted: 7, refused: 2))
    #expect(bulkhead.machine.stats.inUse == 2)
    #expect(bulkhead.machine.stats.admitted == 7)
    #expect(bulkhead.machine.stats.refused.full == 2)
    #expect(bulkhead.acquire(1, weight: 2) == [])
    #expect(bulkhead.machine.takeSurplus() == nil)
    #expect(bulkhead.withdraw(1, .cancellation) == [.cancelled(1)])
    #expect(bulkhead.machine.takeSurplus() == 1)
  }

  @Test func `Only those are refused without being asked about who are certain to be`() {
    var bulkhead = BulkheadHarness(maximum: 3, queueLimit: 1)
    #expect(bulkhead.machine.refusable == PermitPool.Refusable())
    _ = bulkhead.acquire(0, weight: 2)
    // One permit is left, for who is light enough.
    #expect(bulkhead.machine.refusable == PermitPool.Refusable())
    _ = bulkhead.acquire(1, weight: 3)
    #expect(bulkhead.machine.refusable == PermitPool.Refusable(trying: 3))
    _ = bulkhead.withdraw(1, .cancellation)
    _ = bulkhead.acquire(2)
    #expect(bulkhead.machine.refusable == PermitPool.Refusable(trying: 3))
    _ = bulkhead.reconfigure { $0.queueLimit = 0 }
    #expect(bulkhead.machine.refusable == PermitPool.Refusable(trying: 3, waiting: 3))
    _ = bulkhead.close()
    #expect(bulkhead.machine.refusable == PermitPool.Refusable())
  }

  @Test func `A clock that goes back or stands at its ends neither traps nor loses anyone`() {
    let codel = BulkheadDiscipline.adaptiveLIFO()
    var bulkhead = BulkheadHarness(maximum: 1, maximumWait: .seconds(1), discipline: codel)
    _ = bulkhead.acquire(1)
    for (waiter, now) in [(2, Int64.max), (3, .min), (4, 0), (5, -1), (6, .max)] {
      bulkhead.now = now
      #expect(bulkhead.acquire(waiter) == [], "at \(now)")
    }
    bulkhead.now = 5
    var told: Set<BulkheadHarness.Told> = []
    for _ in 0..<6 { told.formUnion(bulkhead.release()) }
    #expect(told.count == 5)
    #expect(bulkhead.machine.stats.waiting == 0)
  }
}
