import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct PermitPoolTests {
  /// The pool as something that an expectation can take apart.
  private final class Pool {
    private let pool = PermitPool()
    func take(_ weight: Int) -> Bool { self.pool.take(weight) }
    func give(_ weight: Int) -> Bool { self.pool.give(weight) }
    func refuseTrying(_ weight: Int) -> Bool { self.pool.refuseTrying(weight) }
    func refuseWaiting(_ weight: Int) -> Bool { self.pool.refuseWaiting(weight) }
    func announce(trying: Int, waiting: Int) {
      self.pool.announce(PermitPool.Refusable(trying: trying, waiting: waiting))
    }
    @discardableResult func open(_ permits: Int) -> Int { self.pool.open(permits) }
    func close() -> (permits: Int, admitted: Int, refused: Int) {
      let collected = self.pool.close()
      return (collected.permits, collected.admitted, collected.refused)
    }
  }

  @Test func `A closed pool takes and gives nothing`() {
    let pool = Pool()
    #expect(!pool.take(1))
    #expect(!pool.give(1))
    let collected = pool.close()
    #expect(collected == (0, 0, 0))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 64, 1_000_000])
  func `Each permit of an open pool is found, from whatever word, and no more`(permits: Int) {
    let pool = Pool()
    pool.open(permits)
    let tries = min(permits, 1000)
    for _ in 0..<tries { #expect(pool.take(1)) }
    #expect(pool.take(1) == (tries < permits))
    for _ in 0..<tries { #expect(pool.give(1)) }
    let (left, admitted, _) = pool.close()
    #expect(left == (tries < permits ? permits - 1 : permits))
    #expect(admitted == (tries < permits ? tries + 1 : tries))
  }

  @Test func `Permits are conserved over any sequence`() {
    for seed in 0..<200 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let pool = Pool()
      var held: [Int] = []
      var admitted = 0
      pool.open(20)
      for _ in 0..<100 {
        let weight = Int.random(in: 1...7, using: &generator)
        if generator.oneIn(10) {
          let (free, count, _) = pool.close()
          #expect(free + held.reduce(0, +) == 20, "seed \(seed)")
          #expect(count == admitted, "seed \(seed)")
          admitted = 0
          pool.open(free)
        } else if generator.oneIn(2), let last = held.popLast() {
          #expect(pool.give(last), "seed \(seed)")
        } else if pool.take(weight) {
          held.append(weight)
          admitted += 1
        }
        #expect(held.reduce(0, +) <= 20, "seed \(seed)")
      }
    }
  }

  @Test func `Who was announced is refused while the pool is closed, and counted`() {
    let pool = Pool()
    #expect(!pool.refuseTrying(1))
    pool.announce(trying: 3, waiting: 0)
    #expect(pool.refuseTrying(3))
    #expect(!pool.refuseTrying(4))
    #expect(!pool.refuseWaiting(1))
    pool.announce(trying: 3, waiting: 2)
    #expect(pool.refuseWaiting(2))
    let collected = pool.close()
    #expect(collected == (0, 0, 2))
    #expect(pool.refuseTrying(1))
    #expect(!pool.give(1))
    #expect(!pool.take(1))
    pool.announce(trying: 0, waiting: 0)
    #expect(pool.open(5) == 1)
    #expect(!pool.refuseTrying(1))
    let opened = pool.close()
    #expect(opened == (5, 0, 0))
  }

  @Test func `A refusal that was decided before the pool opened does not count in an open word`() {
    let pool = Pool()
    pool.announce(trying: 3, waiting: 3)
    #expect(pool.open(2) == 0)
    #expect(!pool.refuseTrying(1))
    #expect(!pool.refuseWaiting(1))
    let collected = pool.close()
    #expect(collected == (2, 0, 0))
  }

  @Test func `A weight that no word can hold is not taken`() {
    let pool = Pool()
    pool.open(1_000_000)
    #expect(!pool.take(1_000_001))
    #expect(!pool.take(1 << 20))
    #expect(!pool.take(.max))
  }
}
