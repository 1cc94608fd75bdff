import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct KeyedRateLimiterMachineTests {
  private let second: Int64 = 1_000_000_000

  /// The machine by reference, so that an expectation can contain an input.
  private final class Shard {
    var machine: KeyedRateLimiterMachine<Int>
    init(_ machine: KeyedRateLimiterMachine<Int>) { self.machine = machine }
    var count: Int { self.machine.count }
    func take(_ cells: Int64, for key: Int, at now: Int64) -> KeyedRateLimiterMachine<Int>.OnTake {
      self.machine.take(cells, for: key, at: now)
    }
    func drain(_ key: Int, at now: Int64) -> Bool { self.machine.drain(key, at: now) }
  }

  private func shard(rate: Double = 1, burst: Int = 2, limit: Int = 4) -> Shard {
    let machine = RateLimiterMachine(rate: rate, burst: burst, anchor: 0)
    return Shard(KeyedRateLimiterMachine(machine: machine, limit: limit))
  }

  @Test func `Each key has its own bucket`() {
    let shard = self.shard()
    for key in 0..<3 {
      #expect(shard.take(2, for: key, at: 0) == .admitted)
      #expect(shard.take(1, for: key, at: 0) == .refused(Refusal(.rateLimited, retryAfter: self.second)))
    }
    #expect(shard.take(3, for: 9, at: 0) == .refused(Refusal(.exceedsCapacity)))
    #expect(shard.count == 3)
  }

  @Test func `A key that asks for nothing, or is refused, takes no place`() {
    let shard = self.shard()
    #expect(shard.take(0, for: 1, at: 0) == .admitted)
    _ = shard.take(3, for: 2, at: 0)
    shard.machine.refund(1, for: 3, taken: 0, at: 0)
    #expect(shard.count == 0)
  }

  @Test func `A debtor is never forgotten, and a new key without a place is refused`() {
    let shard = self.shard()
    for key in 0..<4 { #expect(shard.take(2, for: key, at: 0) == .admitted) }
    #expect(shard.take(1, for: 99, at: 0) == .noRoom(wait: 2 * self.second))
    #expect(shard.take(1, for: 99, at: 2 * self.second - 1) == .noRoom(wait: 1))
    for key in 0..<4 { #expect(shard.take(2, for: key, at: self.second) != .admitted) }
    #expect(shard.count == 4)
  }

  @Test func `A key whose bucket is full again makes room`() {
    let shard = self.shard()
    for key in 0..<4 { #expect(shard.take(key == 2 ? 1 : 2, for: key, at: 0) == .admitted) }
    #expect(shard.take(1, for: 99, at: self.second) == .admitted)
    #expect(shard.count == 4)
    #expect(shard.take(2, for: 0, at: self.second) != .admitted)
    #expect(shard.take(2, for: 2, at: self.second) == .noRoom(wait: self.second))
  }

  @Test func `Keys that have paid are forgotten as new ones come, before the places are full`() {
    let shard = self.shard(rate: 1_000, burst: 1, limit: 100_000)
    for key in 0..<10_000 {
      #expect(shard.take(1, for: key, at: Int64(key) * self.second) == .admitted)
      #expect(shard.count <= 2)
    }
  }

  @Test func `A key that was forgotten gets no second burst from a clock that goes back`() {
    let shard = self.shard(limit: 2)
    #expect(shard.take(2, for: 1, at: 10 * self.second) == .admitted)
    #expect(shard.take(1, for: 2, at: 20 * self.second) == .admitted)
    #expect(shard.count == 1)
    #expect(shard.take(1, for: 1, at: 10 * self.second) != .admitted)
    #expect(shard.take(2, for: 1, at: 12 * self.second) == .admitted)
  }

  @Test func `A rollback gives back what has not drained`() {
    let shard = self.shard()
    #expect(shard.take(2, for: 1, at: 0) == .admitted)
    shard.machine.refund(2, for: 1, taken: 0, at: 0)
    #expect(shard.take(2, for: 1, at: 0) == .admitted)
  }

  @Test func `New settings keep every key's debt`() {
    let shard = self.shard(rate: 1, burst: 10, limit: 8)
    for key in 1...4 { #expect(shard.take(Int64(key), for: key, at: 0) == .admitted) }
    shard.machine.reconfigure(rate: 1_000_000, burst: 20, limit: 2, at: 0)
    for key in 1...4 {
      #expect(shard.machine.machine.remaining(tat: shard.machine.tat(of: key), at: 0) == 20 - Int64(key))
    }
    #expect(shard.take(1, for: 5, at: 0) == .noRoom(wait: 1_000))
    #expect(shard.take(1, for: 5, at: 1_000) == .noRoom(wait: 1_000))
    #expect(shard.take(1, for: 5, at: 3_000) == .admitted)
    #expect(shard.count == 2)
  }

  @Test func `A key can be drained, if there is a place to remember it in`() {
    let shard = self.shard(limit: 2)
    #expect(shard.drain(1, at: 0))
    #expect(shard.drain(2, at: 0))
    #expect(shard.drain(1, at: 0))
    #expect(!shard.drain(3, at: 0))
    #expect(shard.take(1, for: 1, at: 0) != .admitted)
  }

  @Test func `An attack with fresh keys can neither grow the memory nor clear a debt`() {
    let shard = self.shard(rate: 1, burst: 5, limit: 1_000)
    #expect(shard.take(5, for: -1, at: 0) == .admitted)
    var debtor = AdmissionLog()
    debtor.add(5, at: 0)
    var refusedForRoom = 0
    for step in 0..<50_000 as Range<Int64> {
      let now = step * 200_000
      if case .noRoom = shard.take(1, for: Int(step), at: now) { refusedForRoom += 1 }
      if step.isMultiple(of: 25), shard.take(1, for: -1, at: now) == .admitted { debtor.add(1, at: now) }
      #expect(shard.count <= 1_000)
    }
    #expect(refusedForRoom > 35_000)
    #expect(debtor.excess(rate: 1, burst: 5) == 0)
    // Ten seconds at one a second, besides the burst.
    #expect((13...15).contains(debtor.entries.count + 4))
  }

  @Test func `Each key by itself keeps to its rate, whoever is forgotten in between`() {
    for seed in 0..<1_000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let burst = Int.random(in: 1...6, using: &random)
      let shard = self.shard(rate: 1_000, burst: burst, limit: Int.random(in: 1...10, using: &random))
      var logs: [Int: AdmissionLog] = [:]
      var now: Int64 = 0
      for _ in 0..<120 {
        now += Int64.random(in: 0...1_000_000, using: &random)
        if random.oneIn(30) { now -= Int64.random(in: 0...10_000_000, using: &random) }
        let key = Int.random(in: 0..<15, using: &random)
        let cells = Int64.random(in: 1...Int64(burst), using: &random)
        if shard.take(cells, for: key, at: now) == .admitted {
          logs[key, default: AdmissionLog()].add(cells, at: now)
        }
      }
      for (key, log) in logs {
        #expect(log.excess(rate: 1_000, burst: burst) == 0, "seed \(seed), key \(key)")
      }
    }
  }
}
