import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BulkheadPriorityTests {
  @Test func `The highest priority is served first, and within one the oldest`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(0)
    _ = bulkhead.acquire(1, .low)
    _ = bulkhead.acquire(2, .normal)
    _ = bulkhead.acquire(3, .high)
    _ = bulkhead.acquire(4, .high)
    _ = bulkhead.acquire(5, .normal)
    let served = (0..<5).flatMap { _ in bulkhead.release() }
    #expect(served == [3, 4, 2, 5, 1].map { .admitted($0) })
  }

  @Test func `In a full queue a higher caller takes the place of the newest of the lowest priority`() {
    var bulkhead = BulkheadHarness(maximum: 1, queueLimit: 3)
    _ = bulkhead.acquire(0)
    _ = bulkhead.acquire(1, .low)
    _ = bulkhead.acquire(2, .low)
    _ = bulkhead.acquire(3, .normal)
    #expect(bulkhead.acquire(4, .low) == [.refused(4, .bulkheadFull)])
    #expect(bulkhead.acquire(5, .normal) == [.refused(2, .shed)])
    #expect(bulkhead.acquire(6, .high) == [.refused(1, .shed)])
    #expect(bulkhead.acquire(7, .high) == [.refused(5, .shed)])
    #expect(bulkhead.acquire(8, .high) == [.refused(3, .shed)])
    #expect(bulkhead.acquire(9, .high) == [.refused(9, .bulkheadFull)])
    #expect(bulkhead.machine.stats.refused.shed == 4)
    #expect(bulkhead.machine.stats.waiting == 3)
  }

  @Test func `A light caller of higher priority passes a heavy one of lower priority that is not due`() {
    var bulkhead = BulkheadHarness(maximum: 4)
    _ = bulkhead.acquire(0, weight: 2)
    #expect(bulkhead.acquire(1, weight: 4, .low) == [])
    #expect(bulkhead.acquire(2, weight: 1, .high) == [.admitted(2)])
  }

  @Test func `A heavy caller of low priority that is due is waited for`() {
    var bulkhead = BulkheadHarness(maximum: 4, starvationBound: 4)
    _ = bulkhead.acquire(0, weight: 2)
    #expect(bulkhead.acquire(1, weight: 4, .low) == [])
    #expect(bulkhead.acquire(2, .high) == [.admitted(2)])
    #expect(bulkhead.acquire(3, .high) == [.admitted(3)])
    #expect(bulkhead.release() == [])
    #expect(bulkhead.acquire(4, .high) == [])
    #expect(bulkhead.release(3) == [.admitted(1)])
    #expect(bulkhead.release(4) == [.admitted(4)])
  }

  @Test(arguments: [3, 4, 8, 20])
  func `Of so many grants in a row each priority that waits gets one`(bound: Int) {
    for seed in 0..<50 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var bulkhead = BulkheadHarness(maximum: 1, queueLimit: 1000, starvationBound: bound)
      _ = bulkhead.acquire(-1)
      var waiting: [Int: BulkheadPriority] = [:]
      // Grants to others since each priority got one, or began to wait.
      var missed: [BulkheadPriority: Int] = [:]
      for number in 0..<200 {
        for newcomer in 0..<Int.random(in: 0...2, using: &generator) {
          // Mostly the high ones, who would starve the others.
          let priority =
            generator.oneIn(3) ? BulkheadPriority.allCases.randomElement(using: &generator) : .high
          let waiter = number * 10 + newcomer
          waiting[waiter] = priority
          _ = bulkhead.acquire(waiter, priority ?? .high)
        }
        guard case .admitted(let served)? = bulkhead.release().first, let priority = waiting[served] else {
          _ = bulkhead.acquire(-1)
          continue
        }
        waiting[served] = nil
        missed[priority] = 0
        for other in BulkheadPriority.allCases where other != priority {
          missed[other] = waiting.values.contains(other) ? missed[other, default: 0] + 1 : 0
          #expect(missed[other, default: 0] < bound, "seed \(seed), \(other)")
        }
      }
    }
  }

  @Test func `Who is served only for being due does not come before the highest otherwise`() {
    var turns = BulkheadTurns(bound: 8)
    let everybody: (BulkheadPriority) -> Bool = { _ in true }
    var served: [BulkheadPriority: Int] = [:]
    for _ in 0..<800 {
      guard let next = turns.next(isWaiting: everybody) else { break }
      turns.granted(next)
      served[next, default: 0] += 1
    }
    #expect(served[.low, default: 0] >= 100)
    #expect(served[.normal, default: 0] >= 100)
    #expect(served[.high, default: 0] >= 550)
    #expect(turns.next { _ in false } == nil)
  }
}
