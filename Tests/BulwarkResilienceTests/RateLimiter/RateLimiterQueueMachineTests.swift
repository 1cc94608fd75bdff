import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RateLimiterQueueMachineTests {
  private let machine = RateLimiterMachine(rate: 1_000, burst: 4, anchor: 0)
  private let millisecond: Int64 = 1_000_000
  /// Nothing is left at time 0.
  private var tat: Int64 { self.machine.drained(tat: 0, at: 0) }

  private func queue(_ cells: Int64..., latest: Int64 = .max) -> RateLimiterQueueMachine<Int> {
    var queue = RateLimiterQueueMachine<Int>()
    for (index, cells) in cells.enumerated() { _ = queue.join(index, cells: cells, until: latest) }
    return queue
  }

  @Test func `An empty queue has nobody to serve and no time to wake at`() {
    var queue = self.queue()
    let action = queue.advance(self.machine, tat: self.tat, hasChanged: true, at: 0)
    #expect(action.served.isEmpty && action.refused.isEmpty && action.nextDue == nil)
    #expect(action.tat == self.tat)
  }

  @Test func `They are served in order, each at its time`() {
    var queue = self.queue(2, 1, 3)
    var action = queue.advance(self.machine, tat: self.tat, hasChanged: false, at: 0)
    #expect(action.served.isEmpty)
    #expect(action.nextDue == 2 * self.millisecond)
    action = queue.advance(self.machine, tat: action.tat, hasChanged: false, at: 2 * self.millisecond)
    #expect(action.served == [0])
    #expect(action.nextDue == 3 * self.millisecond)
    action = queue.advance(self.machine, tat: action.tat, hasChanged: false, at: 6 * self.millisecond)
    #expect(action.served == [1, 2])
    #expect(action.nextDue == nil)
    #expect(queue.count == 0 && queue.cells == 0)
  }

  @Test func `A big one in front is not passed by a small one behind`() {
    var queue = self.queue(4, 1)
    let action = queue.advance(self.machine, tat: self.tat, hasChanged: false, at: 3 * self.millisecond)
    #expect(action.served.isEmpty)
    #expect(action.nextDue == 4 * self.millisecond)
  }

  @Test func `When one leaves, those behind move up`() {
    var queue = self.queue(3, 2, 1)
    #expect(queue.leave(1) == 0)
    #expect(queue.leave(1) == nil)
    #expect(queue.leave(2) == 1)
    #expect(queue.leave(99) == nil)
    let action = queue.advance(self.machine, tat: self.tat, hasChanged: false, at: self.millisecond)
    #expect(action.served == [2])
    #expect(queue.leave(3) == nil)
  }

  @Test func `A timer that is late lets no burst through`() {
    let strict = RateLimiterMachine(rate: 1_000, burst: 1, anchor: 0)
    var queue = self.queue(1, 1, 1)
    let action = queue.advance(
      strict,
      tat: strict.drained(tat: 0, at: 0),
      hasChanged: false,
      at: 10 * self.millisecond
    )
    #expect(action.served == [0])
    #expect(action.nextDue == 11 * self.millisecond)
  }

  @Test func `Whom a late timer makes too late is told at once, and those behind him move up`() {
    let strict = RateLimiterMachine(rate: 1_000, burst: 1, anchor: 0)
    var queue = self.queue(1)
    _ = queue.join(1, cells: 1, until: 2 * self.millisecond)
    _ = queue.join(2, cells: 1, until: 5 * self.millisecond)
    let action = queue.advance(
      strict,
      tat: strict.drained(tat: 0, at: 0),
      hasChanged: false,
      at: 2 * self.millisecond + 500_000
    )
    #expect(action.served == [0])
    #expect(action.refused.map(\.caller) == [1])
    #expect(action.refused.map(\.1) == [Refusal(.deadline, retryAfter: self.millisecond)])
    #expect(action.nextDue == 3 * self.millisecond + 500_000)
  }

  @Test func `Whom late timers put off by no more than one may be late is not searched for`() {
    let strict = RateLimiterMachine(rate: 1_000, burst: 1, anchor: 0)
    var queue = self.queue(1, 1)
    _ = queue.join(2, cells: 1, until: 3 * self.millisecond)
    _ = queue.join(3, cells: 1, until: 4 * self.millisecond)
    var action = RateLimiterQueueMachine<Int>.OnAdvance(tat: strict.drained(tat: 0, at: 0))
    for number in 0..<2 as Range<Int> {
      let due = action.nextDue ?? self.millisecond
      action = queue.advance(strict, tat: action.tat, hasChanged: false, at: due + 300_000)
      #expect(action.served == [number])
      #expect(action.refused.isEmpty)
    }
    // Late, but by no more than if his own timer alone had been.
    action = queue.advance(strict, tat: action.tat, hasChanged: false, at: (action.nextDue ?? 0) + 300_000)
    #expect(action.served == [2])
    #expect(action.refused.isEmpty)
    // By more than that.
    action = queue.advance(strict, tat: action.tat, hasChanged: false, at: (action.nextDue ?? 0) + 300_000)
    #expect(action.served.isEmpty)
    #expect(action.refused.map(\.caller) == [3])
  }

  @Test(arguments: [(0, true), (1_000_000, true), (1_000_001, false), (3_600_000_000_000, false)])
  func `Nobody is granted what he wanted until long ago`(late: Int64, isServed: Bool) {
    var queue = self.queue(1, latest: self.millisecond)
    _ = queue.join(1, cells: 2, until: .max)
    let now = self.millisecond + late
    let action = queue.advance(self.machine, tat: self.tat, hasChanged: false, at: now)
    #expect(action.served.contains(0) == isServed)
    #expect(action.refused.map(\.caller) == (isServed ? [] : [0]))
    #expect(action.refused.map(\.1) == (isServed ? [] : [Refusal(.deadline, retryAfter: 0)]))
    // Those behind get what he leaves.
    let spent: Int64 = isServed ? 1 : 2
    #expect(action.served.contains(1) == (late >= (isServed ? 2 : 1) * self.millisecond))
    #expect(
      isServed || action.tat == max(self.tat, self.machine.position(at: now)) + self.machine.units(spent)
    )
  }

  @Test func `Whoever asks for more than a new burst is told that it never comes`() {
    var queue = self.queue(4, 1, 3)
    let (machine, tat) = self.machine.reconfigured(rate: 1_000, burst: 3, tat: self.tat, at: 0)
    let action = queue.advance(machine, tat: tat, hasChanged: true, at: 0)
    #expect(action.refused.map(\.caller) == [0])
    #expect(action.refused.map(\.1) == [Refusal(.exceedsCapacity)])
    #expect(queue.cells == 4)
  }

  @Test func `The queue stays as small as what is in it, however many come and leave`() {
    var queue = self.queue(4)
    for _ in 0..<10_000 {
      let id = queue.join(1, cells: 1, until: .max)
      #expect(queue.leave(id) == 1)
    }
    #expect(queue.count == 1)
    #expect(queue.footprint < 40)
  }

  @Test func `Nobody is lost and nobody passes another, whatever the order of things`() {
    for seed in 0..<1_000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let burst = Int64.random(in: 1...8, using: &random)
      let machine = RateLimiterMachine(rate: 1_000, burst: Int(burst), anchor: 0)
      var queue = RateLimiterQueueMachine<Int>()
      var (tat, now, lastServed): (Int64, Int64, Int) = (0, 0, -1)
      var waiting: [Int: (id: UInt64, cells: Int64, latest: Int64)] = [:]
      var log = AdmissionLog()
      for caller in 0..<60 {
        if random.oneIn(3) { now += Int64.random(in: 0...3_000_000, using: &random) }
        if random.oneIn(4), let leaver = waiting.keys.sorted().randomElement(using: &random) {
          let entry = waiting.removeValue(forKey: leaver)
          #expect(queue.leave(entry?.id ?? 0) == leaver, "seed \(seed)")
        } else {
          let cells = Int64.random(in: 1...burst, using: &random)
          let due = machine.due(cells, tat: tat, queued: machine.units(queue.cells))
          let latest = max(due, now) + Int64.random(in: 0...1_000_000, using: &random)
          waiting[caller] = (queue.join(caller, cells: cells, until: latest), cells, latest)
        }
        let action = queue.advance(machine, tat: tat, hasChanged: random.oneIn(2), at: now)
        tat = action.tat
        for caller in action.served {
          #expect(caller > lastServed, "seed \(seed)")
          lastServed = caller
          let entry = waiting.removeValue(forKey: caller)
          log.add(entry?.cells ?? 0, at: now)
        }
        for (caller, refusal) in action.refused {
          let entry = waiting.removeValue(forKey: caller)
          #expect(refusal.reason == .deadline && entry.map { now + refusal.retryAfter > $0.latest } == true)
        }
        #expect(queue.count == waiting.count && (action.nextDue == nil) == waiting.isEmpty, "seed \(seed)")
        if let due = action.nextDue { #expect(due > now, "seed \(seed)") }
      }
      #expect(log.excess(rate: 1_000, burst: Int(burst)) == 0, "seed \(seed)")
    }
  }
}
