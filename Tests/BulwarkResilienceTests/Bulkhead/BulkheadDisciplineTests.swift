import Testing

@testable import BulwarkResilience

@Suite struct BulkheadDisciplineTests {
  /// A bulkhead of one permit whose queue has stood for an interval: with waiters 1 to 3 that came 120, 60 and 1 ms
  /// ago, when the permit of 0 is still out.
  private func overloaded() -> BulkheadHarness {
    var bulkhead = BulkheadHarness(maximum: 1, discipline: .adaptiveLIFO())
    _ = bulkhead.acquire(-1)
    _ = bulkhead.acquire(0)
    bulkhead.advance(milliseconds: 1)
    // The interval in which the queue began has a delay of zero in it, and judges nothing.
    _ = bulkhead.acquire(1)
    bulkhead.advance(milliseconds: 60)
    _ = bulkhead.acquire(2)
    bulkhead.advance(milliseconds: 59)
    _ = bulkhead.release()
    bulkhead.advance(milliseconds: 1)
    _ = bulkhead.acquire(3)
    return bulkhead
  }

  @Test func `A queue that is short in time is served in order`() {
    var bulkhead = BulkheadHarness(maximum: 1, discipline: .adaptiveLIFO())
    _ = bulkhead.acquire(0)
    for waiter in 1...100 {
      _ = bulkhead.acquire(waiter)
      bulkhead.advance(milliseconds: 4)
      #expect(bulkhead.release() == [.admitted(waiter)])
    }
    #expect(!bulkhead.machine.stats.isOverloaded)
  }

  @Test func `A burst is not overload, however long its queue`() {
    var bulkhead = BulkheadHarness(maximum: 1, queueLimit: 1000, discipline: .adaptiveLIFO())
    for round in 0..<20 {
      for waiter in 0..<30 { _ = bulkhead.acquire(round * 100 + waiter) }
      for waiter in 1..<30 {
        bulkhead.advance(milliseconds: 3)
        #expect(bulkhead.release() == [.admitted(round * 100 + waiter)])
      }
      bulkhead.advance(milliseconds: 3)
      #expect(bulkhead.release() == [])
      #expect(!bulkhead.machine.stats.isOverloaded)
      bulkhead.advance(milliseconds: 20)
    }
    #expect(bulkhead.machine.stats.refused.total == 0)
  }

  @Test
  func `A standing queue serves the newest first, and sheds who has waited longer than twice the target`() {
    var bulkhead = self.overloaded()
    #expect(!bulkhead.machine.stats.isOverloaded)
    bulkhead.advance(milliseconds: 100)
    _ = bulkhead.acquire(4)
    #expect(bulkhead.machine.stats.isOverloaded)
    #expect(bulkhead.machine.stats.refused.shed == 3)
    bulkhead.advance(milliseconds: 2)
    _ = bulkhead.acquire(5)
    bulkhead.advance(milliseconds: 8)
    // 4 has waited for ten milliseconds, which is not yet more than twice the target.
    #expect(bulkhead.release() == [.admitted(5)])
    bulkhead.advance(milliseconds: 1)
    #expect(bulkhead.release() == [.refused(4, .shed)])
  }

  @Test func `Once the queue has drained, and an interval has passed, the oldest is first again`() {
    var bulkhead = self.overloaded()
    bulkhead.advance(milliseconds: 100)
    _ = bulkhead.acquire(4)
    #expect(bulkhead.release() == [.admitted(4)])
    #expect(bulkhead.machine.stats.isOverloaded)
    bulkhead.advance(milliseconds: 101)
    _ = bulkhead.acquire(5)
    _ = bulkhead.acquire(6)
    #expect(!bulkhead.machine.stats.isOverloaded)
    #expect(bulkhead.release() == [.admitted(5)])
  }

  @Test func `Under overload a higher priority still comes first`() {
    var bulkhead = self.overloaded()
    bulkhead.advance(milliseconds: 100)
    _ = bulkhead.acquire(4, .high)
    _ = bulkhead.acquire(5, .high)
    _ = bulkhead.acquire(6, .low)
    #expect(bulkhead.machine.stats.isOverloaded)
    let served = (0..<3).flatMap { _ in bulkhead.release() }
    #expect(served == [.admitted(5), .admitted(4), .admitted(6)])
  }

  @Test func `A queue in which nothing moves for an interval is overloaded`() {
    var bulkhead = self.overloaded()
    bulkhead.advance(milliseconds: 300)
    #expect(bulkhead.release() == [1, 2, 3].map { .refused($0, .shed) })
    #expect(bulkhead.machine.stats.isOverloaded)
  }

  @Test func `First in, first out sheds nobody and is never overloaded`() {
    var bulkhead = BulkheadHarness(maximum: 1)
    _ = bulkhead.acquire(0)
    for waiter in 1...5 { _ = bulkhead.acquire(waiter) }
    for waiter in 1...5 {
      bulkhead.advance(milliseconds: 1000)
      #expect(bulkhead.release() == [.admitted(waiter)])
    }
    #expect(!bulkhead.machine.stats.isOverloaded)
  }

  @Test func `A change of the discipline begins with a calm queue, any other change leaves it`() {
    var bulkhead = self.overloaded()
    bulkhead.advance(milliseconds: 100)
    _ = bulkhead.acquire(4)
    #expect(bulkhead.reconfigure { $0.queueLimit = 7 } == [])
    #expect(bulkhead.machine.stats.isOverloaded)
    #expect(bulkhead.reconfigure { $0.discipline = .fifo } == [])
    #expect(!bulkhead.machine.stats.isOverloaded)
  }

  @Test func `The judgement survives a clock that goes back`() {
    var codel = CoDelMachine(CoDel())
    codel.advance(to: 1_000_000_000, oldest: nil)
    codel.sample(9_000_000)
    codel.advance(to: 0, oldest: nil)
    codel.advance(to: 99_999_999, oldest: nil)
    #expect(!codel.isOverloaded)
    codel.advance(to: 100_000_000, oldest: nil)
    #expect(codel.isOverloaded)
    codel.advance(to: .max, oldest: 5_000_000)
    #expect(!codel.isOverloaded)
    #expect(codel.bound == 10_000_000)
  }
}
