import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BulkheadModelTests {
  /// Seeds that once failed.
  static let regressionSeeds: [UInt64] = []

  @Test(arguments: [BulkheadDiscipline.fifo, .adaptiveLIFO()])
  func `The machine does what the reference does, tells everyone once, and never gives out too much`(
    discipline: BulkheadDiscipline
  ) {
    for seed in Self.regressionSeeds + Array(1...1500) {
      var model = Model(seed: seed, discipline: discipline)
      let problem = model.run()
      #expect(problem == nil, "seed \(seed), \(discipline)")
      if problem != nil { return }
    }
  }

  private struct Model {
    private var generator: SeededGenerator
    private var bulkhead: BulkheadHarness
    private var reference: BulkheadReference
    private var nextNumber = 0
    private var weights: [Int: Int] = [:]
    /// Who waits, as we were told.
    private var waiting: Set<Int> = []
    /// Who has permits, as we were told.
    private var holding: [Int] = []

    init(seed: UInt64, discipline: BulkheadDiscipline) {
      var generator = SeededGenerator(seed: seed)
      let options = BulkheadOptions(
        maximumConcurrent: .random(in: 1...5, using: &generator),
        queueLimit: .random(in: 0...6, using: &generator),
        maximumWait: generator.oneIn(3) ? .milliseconds(.random(in: 0...50, using: &generator)) : nil,
        discipline: discipline,
        starvationBound: .random(in: 3...6, using: &generator)
      )
      self.generator = generator
      self.bulkhead = BulkheadHarness(options)
      self.reference = BulkheadReference(options)
    }

    mutating func run() -> String? {
      for step in 0..<60 {
        if let problem = self.step() { return "step \(step): \(problem)" }
      }
      while let problem = self.drainOne() { if problem != "" { return "at the end: \(problem)" } }
      let stats = self.bulkhead.machine.stats
      guard self.waiting.isEmpty, stats.inUse == 0, stats.waiting == 0 else { return "left over: \(stats)" }
      return nil
    }

    /// Releases what is held, then cancels who waits; `nil` when nothing is left.
    private mutating func drainOne() -> String? {
      if !self.holding.isEmpty { return self.release() ?? "" }
      if let waiter = self.waiting.first { return self.withdraw(waiter, .cancellation) ?? "" }
      return nil
    }

    private mutating func step() -> String? {
      switch Int.random(in: 0..<20, using: &self.generator) {
      case 0..<8: return self.acquire()
      case 8: return self.take()
      case 9..<14: return self.holding.isEmpty ? nil : self.release()
      case 14, 15:
        let waiter = self.waiting.sorted().randomElement(using: &self.generator)
        return waiter.flatMap { self.withdraw($0, .cancellation) }
      case 16, 17, 18: return self.advance()
      default: return self.reconfigure()
      }
    }

    private mutating func acquire() -> String? {
      let number = self.nextNumber
      self.nextNumber += 1
      let weight = self.generator.oneIn(3) ? Int.random(in: 1...6, using: &self.generator) : 1
      let priority = BulkheadPriority(rawValue: .random(in: 0...2, using: &self.generator)) ?? .normal
      let deadline =
        self.generator.oneIn(3)
        ? self.bulkhead.now + .random(in: -1_000_000...40_000_000, using: &self.generator) : nil
      self.weights[number] = weight
      self.waiting.insert(number)
      let told = self.bulkhead.acquire(number, weight: weight, priority, deadline: deadline)
      let expected = self.reference.acquire(
        BulkheadReference.Waiter(
          number: number,
          weight: weight,
          priority: priority,
          since: 0,
          deadline: deadline
        ),
        at: self.bulkhead.now,
        isOverloaded: self.isOverloaded
      )
      return self.check(told, expected)
    }

    private mutating func take() -> String? {
      let number = self.nextNumber
      self.nextNumber += 1
      let weight = Int.random(in: 1...3, using: &self.generator)
      let isTaken = self.bulkhead.machine.take(weight) == nil
      guard isTaken == self.reference.take(weight) else { return "take(\(weight)) gave \(isTaken)" }
      if isTaken {
        self.weights[number] = weight
        self.holding.append(number)
      }
      return self.check([], [])
    }

    private mutating func release() -> String? {
      let holder = self.holding.remove(at: .random(in: self.holding.indices, using: &self.generator))
      let weight = self.weights[holder] ?? 0
      let told = self.bulkhead.release(weight)
      let expected = self.reference.release(weight, at: self.bulkhead.now, isOverloaded: self.isOverloaded)
      return self.check(told, expected)
    }

    private mutating func withdraw(_ waiter: Int, _ why: Withdrawal) -> String? {
      let told = self.bulkhead.withdraw(waiter, why)
      let expected = self.reference.withdraw(
        waiter,
        why,
        at: self.bulkhead.now,
        isOverloaded: self.isOverloaded
      )
      return self.check(told, expected)
    }

    /// Time goes on, and most timers that are due go off; the others are late.
    private mutating func advance() -> String? {
      self.bulkhead.now += .random(in: 0...30_000_000, using: &self.generator)
      for waiter in self.waiting.sorted() where !self.generator.oneIn(4) {
        guard let limit = self.bulkhead.limits[waiter], limit <= self.bulkhead.now else { continue }
        if let problem = self.withdraw(waiter, .deadline) { return problem }
      }
      return nil
    }

    private mutating func reconfigure() -> String? {
      let maximum = Int.random(in: 1...6, using: &self.generator)
      let queueLimit = Int.random(in: 0...6, using: &self.generator)
      let told = self.bulkhead.reconfigure {
        $0.maximumConcurrent = maximum
        $0.queueLimit = queueLimit
      }
      let expected = self.reference.reconfigure(
        self.bulkhead.machine.options,
        at: self.bulkhead.now,
        isOverloaded: self.isOverloaded
      )
      return self.check(told, expected)
    }

    /// The one thing that the reference takes from the machine; its own tests are those of the discipline.
    private var isOverloaded: Bool { self.bulkhead.machine.stats.isOverloaded }

    private mutating func check(_ told: [BulkheadHarness.Told], _ expected: [BulkheadHarness.Told]) -> String?
    {
      guard told == expected else { return "told \(told), expected \(expected)" }
      let before = self.inUse
      for one in told {
        let number: Int
        switch one {
        case .admitted(let admitted):
          number = admitted
          self.holding.append(admitted)
        case .refused(let refused, _): number = refused
        case .cancelled(let cancelled): number = cancelled
        }
        guard self.waiting.remove(number) != nil else { return "\(number) was told twice" }
      }
      let stats = self.bulkhead.machine.stats
      guard stats.inUse == self.inUse else { return "\(stats.inUse) in use, should be \(self.inUse)" }
      guard stats.waiting == self.waiting.count else { return "\(stats.waiting) wait, not \(self.waiting)" }
      guard self.inUse <= max(stats.maximum, before) else { return "\(self.inUse) of \(stats.maximum)" }
      return nil
    }

    private var inUse: Int { self.holding.map { self.weights[$0] ?? 0 }.reduce(0, +) }
  }
}
