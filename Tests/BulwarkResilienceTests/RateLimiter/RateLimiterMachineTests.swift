import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RateLimiterMachineTests {
  private let second: Int64 = 1_000_000_000

  /// Takes one cell; whether it passed.
  private func pass(_ machine: RateLimiterMachine, _ tat: inout Int64, cells: Int64 = 1, at now: Int64)
    -> Bool
  {
    guard case .admit(let next) = machine.take(cells, tat: tat, at: now) else { return false }
    tat = next
    return true
  }

  @Test func `A burst of one admits one per period, not a nanosecond early`() {
    let machine = RateLimiterMachine(rate: 10, burst: 1, anchor: 0)
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, at: 0))
    #expect(!self.pass(machine, &tat, at: 0))
    #expect(!self.pass(machine, &tat, at: 99_999_999))
    #expect(self.pass(machine, &tat, at: 100_000_000))
    #expect(!self.pass(machine, &tat, at: 199_999_999))
    #expect(self.pass(machine, &tat, at: 200_000_000))
  }

  @Test(arguments: [1, 2, 3, 10, 100, 1_000])
  func `Exactly the burst passes at once, and then one per period`(burst: Int) {
    let machine = RateLimiterMachine(rate: 1_000, burst: burst, anchor: 0)
    var tat: Int64 = 0
    for _ in 0..<burst { #expect(self.pass(machine, &tat, at: self.second)) }
    #expect(
      machine.take(1, tat: tat, at: self.second) == .refuse(Refusal(.rateLimited, retryAfter: 1_000_000))
    )
    #expect(!self.pass(machine, &tat, at: self.second + 999_999))
    #expect(self.pass(machine, &tat, at: self.second + 1_000_000))
    #expect(!self.pass(machine, &tat, at: self.second + 1_000_000))
  }

  @Test func `More than the burst is impossible, not later`() {
    let machine = RateLimiterMachine(rate: 10, burst: 5, anchor: 0)
    #expect(machine.take(6, tat: 0, at: self.second) == .refuse(Refusal(.exceedsCapacity)))
    #expect(machine.take(.max, tat: 0, at: self.second) == .refuse(Refusal(.exceedsCapacity)))
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, cells: 5, at: self.second))
  }

  @Test func `Fewer than one cost nothing, even when nothing is left`() {
    let machine = RateLimiterMachine(rate: 10, burst: 1, anchor: 0)
    var tat = machine.drained(tat: 0, at: 0)
    let before = tat
    #expect(self.pass(machine, &tat, cells: 0, at: 0))
    #expect(self.pass(machine, &tat, cells: .min, at: 0))
    #expect(tat == before)
  }

  @Test(
    arguments: [(1, 3), (7, 60), (3, 1), (1_000, 7), (999_983, 1), (1, 86_400), (5, 3), (1_000_000_000, 1)]
      as [(Int, Int64)]
  )
  func `A period that is no whole number of nanoseconds does not drift`(permits: Int, seconds: Int64) throws {
    let options = RateLimiterOptions(permits: permits, per: .seconds(seconds), burst: 1)
    try options.validate()
    let machine = RateLimiterMachine(rate: options.rate, burst: 1, anchor: 0)
    let period = Int128(seconds) * 1_000_000_000
    for cell in [1, 2, 3, 10, 1_000, 10_800, 1_000_003] as [Int128] {
      let exact = (cell * period + Int128(permits) - 1) / Int128(permits)
      let cellUnits = Int64(cell) << Int64(machine.cellShift)
      guard exact < Int128(Int64.max / 64) else { continue }
      // One part in 10^15 is the machine's promise: 4 ns in a hundred days.
      let early = Int64(exact) - Int64(exact / 1_000_000_000_000_000) - 2
      #expect(machine.position(at: Int64(exact)) >= cellUnits, "late for cell \(cell)")
      #expect(machine.position(at: early) < cellUnits, "early for cell \(cell)")
      #expect((early...Int64(exact)).contains(machine.instant(of: cellUnits)))
    }
  }

  @Test func `Three per second over an hour are 10,800 and the burst`() {
    let machine = RateLimiterMachine(rate: 3, burst: 2, anchor: 0)
    var tat: Int64 = 0
    var admitted = 0
    for step in 0...72_000 as ClosedRange<Int64> {
      if self.pass(machine, &tat, at: step * 50_000_000) { admitted += 1 }
    }
    #expect(admitted == 10_802)
  }

  @Test func `Whoever waits as long as he was told passes, and not before`() {
    for seed in 0..<1_000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let rate = Double.random(in: 0.001...1e6, using: &random)
      let burst = Int.random(in: 1...50, using: &random)
      let machine = RateLimiterMachine(rate: rate, burst: burst, anchor: 0)
      var tat: Int64 = 0
      var now: Int64 = 0
      for _ in 0..<10 {
        let cells = Int64.random(in: 1...Int64(burst), using: &random)
        switch machine.take(cells, tat: tat, at: now) {
        case .admit(let next): tat = next
        case .refuse(let refusal):
          #expect(machine.take(cells, tat: tat, at: now + refusal.retryAfter - 1).isRefusal, "seed \(seed)")
          now += refusal.retryAfter
          #expect(!machine.take(cells, tat: tat, at: now).isRefusal, "seed \(seed)")
        }
      }
    }
  }

  @Test func `A look takes nothing`() {
    let machine = RateLimiterMachine(rate: 10, burst: 3, anchor: 0)
    #expect(machine.remaining(tat: 0, at: 0) == 3)
    #expect(machine.remaining(tat: 0, queued: machine.units(2), at: 0) == 1)
    #expect(machine.remaining(tat: .max, at: 0) == 0)
    #expect(machine.remaining(tat: 0, at: .min) == 3)
  }

  @Test func `A clock that goes back admits nothing more`() {
    let machine = RateLimiterMachine(rate: 10, burst: 2, anchor: self.second)
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, cells: 2, at: 5 * self.second))
    for now in [4 * self.second, 0, -self.second, .min] {
      #expect(!self.pass(machine, &tat, at: now))
    }
    #expect(self.pass(machine, &tat, cells: 2, at: 6 * self.second))
  }

  @Test(arguments: [1e-6, 0.1, 1, 1e6, 1e9, 1e10])
  func `Neither enormous rates nor enormous times overflow`(rate: Double) throws {
    for burst in [1, Int(rate * 31_536_000)] where burst > 0 {
      try RateLimiterOptions(rate: rate, burst: burst).validate()
      for anchor in [Int64.min, -1, 0, .max] {
        let machine = RateLimiterMachine(rate: rate, burst: burst, anchor: anchor)
        var tat: Int64 = 0
        for now in [Int64.min, -1, 0, 1, .max / 2, .max] {
          for cells in [1, Int64(burst), .max] {
            _ = self.pass(machine, &tat, cells: cells, at: now)
            _ = machine.lease(cells, tat: tat, at: now)
            tat = machine.refund(cells, taken: anchor, tat: tat, at: now)
            #expect(machine.remaining(tat: tat, at: now) >= 0)
          }
          tat = machine.drained(tat: tat, at: now)
          #expect(machine.take(1, tat: tat, at: now).isRefusal)
          let (other, moved) = machine.reconfigured(rate: 1e10 / rate, burst: 1, tat: tat, at: now)
          #expect(moved >= other.origin && other.origin >= 0)
        }
      }
    }
  }

  // MARK: - Giving back

  @Test func `A request that is rolled back at once leaves no trace`() {
    let machine = RateLimiterMachine(rate: 10, burst: 4, anchor: 0)
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, cells: 4, at: self.second))
    tat = machine.refund(4, taken: self.second, tat: tat, at: self.second)
    #expect(self.pass(machine, &tat, cells: 4, at: self.second))
    #expect(!self.pass(machine, &tat, at: self.second))
  }

  @Test func `What has drained since is not given back, so that no second burst passes`() {
    let machine = RateLimiterMachine(rate: 10, burst: 1, anchor: 0)
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, at: 0))
    #expect(self.pass(machine, &tat, at: self.second))
    tat = machine.refund(1, taken: 0, tat: tat, at: self.second)
    #expect(!self.pass(machine, &tat, at: self.second))
  }

  @Test func `What was taken under other settings or in the future is not given back`() {
    let machine = RateLimiterMachine(rate: 10, burst: 1, anchor: self.second)
    #expect(machine.refund(1, taken: 0, tat: 7, at: self.second) == 7)
    #expect(machine.refund(1, taken: 3 * self.second, tat: 7, at: 2 * self.second) == 7)
    #expect(machine.refund(-1, taken: self.second, tat: 7, at: self.second) == 7)
  }

  // MARK: - Leases

  @Test func `A lease is only given while more than half of the burst is left, and never of a small one`() {
    let small = RateLimiterMachine(rate: 100_000, burst: 31, anchor: 0)
    #expect(small.lease(1, tat: 0, at: 0) == nil)
    let machine = RateLimiterMachine(rate: 100_000, burst: 320, anchor: 0)
    let lease = machine.lease(1, tat: 0, at: 0)
    #expect(lease?.cells == 16)
    #expect(lease?.expiry == 20_000)
    #expect(machine.lease(16, tat: 0, at: 0) == nil)
    #expect(machine.lease(1, tat: machine.units(160), at: 0) == nil)
    #expect(machine.lease(0, tat: 0, at: 0) == nil)
  }

  @Test(arguments: [(0.01, false), (1, false), (15_999, false), (16_000, true)] as [(Double, Bool)])
  func `A lease is only given where it comes back within a millisecond`(rate: Double, isGiven: Bool) {
    let machine = RateLimiterMachine(rate: rate, burst: 320, anchor: self.second)
    #expect((machine.lease(1, tat: 0, at: self.second) != nil) == isGiven)
  }

  @Test func `A lease is shorter where the whole burst comes back in microseconds`() throws {
    let machine = RateLimiterMachine(rate: 1e9, burst: 4_096, anchor: 0)
    let lease = try #require(machine.lease(1, tat: 0, at: 0))
    #expect(lease.expiry <= 1_024)
  }

  // MARK: - New settings

  @Test func `A change of settings keeps the debt as a number of cells`() {
    let machine = RateLimiterMachine(rate: 10, burst: 10, anchor: 0)
    var tat: Int64 = 0
    #expect(self.pass(machine, &tat, cells: 8, at: 0))
    let (wider, moved) = machine.reconfigured(rate: 1_000_000, burst: 20, tat: tat, at: 0)
    #expect(wider.remaining(tat: moved, at: 0) == 12)
    let (narrower, back) = wider.reconfigured(rate: 0.5, burst: 5, tat: moved, at: 0)
    #expect(narrower.remaining(tat: back, at: 0) == 0)
    #expect(narrower.take(1, tat: back, at: 0) == .refuse(Refusal(.rateLimited, retryAfter: 8 * self.second)))
  }

  @Test func `No TAT of new settings was one of the old`() {
    var machine = RateLimiterMachine(rate: 10, burst: 10, anchor: 0)
    var tat = machine.drained(tat: 0, at: 0)
    for round in 0..<100 {
      let highest = tat
      (machine, tat) = machine.reconfigured(
        rate: round.isMultiple(of: 2) ? 1e9 : 0.01,
        burst: 10,
        tat: tat,
        at: 0
      )
      #expect(tat > highest)
    }
  }
}

extension RateLimiterMachine.OnTake {
  var isRefusal: Bool {
    guard case .refuse = self else { return false }
    return true
  }
}
