import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct BulkheadReservationModelTests {
  /// Seeds that once failed.
  static let regressionSeeds: [UInt64] = []

  @Test func `Places end as the reference says, and leave nobody in use or waiting`() async throws {
    for seed in Self.regressionSeeds + Array(1...10_000) {
      var model = try Model(seed: seed)
      let problem = await model.run()
      #expect(problem == nil, "seed \(seed)")
      if problem != nil { return }
    }
  }

  /// A bulkhead and what it should be. A place that is dropped leaves the reference's queue, or releases what it has got.
  private struct Model {
    private var generator: SeededGenerator
    private let clock = VirtualClock()
    private let bulkhead: Bulkhead
    private var reference: BulkheadReference
    private var nextNumber = 0
    private var weights: [Int: Int] = [:]
    /// Places that nobody has waited for.
    private var places: [Int: BulkheadPlace] = [:]
    /// What the reference answered to those in ``places``.
    private var answers: [Int: BulkheadReference.Told] = [:]
    /// Who holds permits without a place.
    private var holding: [Int] = []

    init(seed: UInt64) throws {
      var generator = SeededGenerator(seed: seed)
      let options = BulkheadOptions(
        maximumConcurrent: .random(in: 1...4, using: &generator),
        queueLimit: .random(in: 0...6, using: &generator),
        maximumWait: generator.oneIn(3) ? .milliseconds(.random(in: 1...50, using: &generator)) : nil
      )
      self.generator = generator
      self.bulkhead = try Bulkhead(name: "model", options: options, clock: self.clock.policyClock)
      self.reference = BulkheadReference(options)
    }

    private var now: Int64 { self.clock.policyClock.nanoseconds }

    mutating func run() async -> String? {
      for step in 0..<40 {
        if let problem = await self.step() { return "step \(step): \(problem)" }
      }
      while let number = self.places.keys.min() {
        if let problem = self.drop(number) { return "dropping \(number): \(problem)" }
      }
      while !self.holding.isEmpty { if let problem = self.release() { return "at the end: \(problem)" } }
      let stats = self.bulkhead.stats
      return stats.inUse == 0 && stats.waiting == 0 ? nil : "left over: \(stats)"
    }

    private mutating func step() async -> String? {
      switch Int.random(in: 0..<12, using: &self.generator) {
      case 0..<5: return self.reserve()
      case 5..<8: return self.holding.isEmpty ? nil : self.release()
      case 8: return self.places.keys.sorted().randomElement(using: &self.generator).flatMap { self.drop($0) }
      case 9, 10: return await self.waitForOne()
      default:
        self.clock.advance(by: .milliseconds(.random(in: 0...20, using: &self.generator)))
        return nil
      }
    }

    private mutating func reserve() -> String? {
      let number = self.nextNumber
      self.nextNumber += 1
      let priority = BulkheadPriority(rawValue: .random(in: 0...2, using: &self.generator)) ?? .normal
      let deadline =
        self.generator.oneIn(3)
        ? self.now + .random(in: -1_000_000...40_000_000, using: &self.generator) : nil
      // Of two reasons at once the bulkhead names the deadline.
      let isLate = deadline.map { $0 <= self.now } ?? false
      let weight = self.generator.oneIn(3) && !isLate ? Int.random(in: 1...5, using: &self.generator) : 1
      self.weights[number] = weight
      let newcomer = BulkheadReference.Waiter(
        number: number,
        weight: weight,
        priority: priority,
        since: 0,
        deadline: deadline
      )
      self.note(self.reference.acquire(newcomer, at: self.now, isOverloaded: false))
      let expected = self.answers[number]
      switch self.bulkhead.reserve(weight: weight, priority: priority, deadline: deadline) {
      case .admitted:
        guard expected == .admitted(number) else {
          return "admitted instead of \(String(describing: expected))"
        }
        self.holding.append(number)
      case .refused(let refusal):
        guard expected == .refused(number, refusal.reason) else {
          return "\(refusal) instead of \(String(describing: expected))"
        }
      case .queued(let place):
        // Its turn may have come at once: those before it were too late.
        guard expected == nil || expected == .admitted(number) else {
          return "queued instead of \(String(describing: expected))"
        }
        self.places[number] = place
      }
      return self.check()
    }

    private mutating func release() -> String? {
      let holder = self.holding.remove(at: .random(in: self.holding.indices, using: &self.generator))
      let weight = self.weights[holder] ?? 0
      self.note(self.reference.release(weight, at: self.now, isOverloaded: false))
      self.bulkhead.release(weight: weight)
      return self.check()
    }

    private mutating func drop(_ number: Int) -> String? {
      switch self.answers[number] {
      case nil:
        self.note(self.reference.withdraw(number, .cancellation, at: self.now, isOverloaded: false))
      case .admitted:
        self.note(self.reference.release(self.weights[number] ?? 0, at: self.now, isOverloaded: false))
      case .refused, .cancelled: break
      }
      if self.generator.oneIn(2) { self.places[number]?.withdraw() }
      self.places[number] = nil
      return self.check()
    }

    /// Waits for a place of which the reference knows what has become.
    private mutating func waitForOne() async -> String? {
      guard let number = self.places.keys.sorted().first(where: { self.answers[$0] != nil }),
        let place = self.places.removeValue(forKey: number)
      else { return nil }
      let answer = await place.wait()
      switch answer {
      case .admitted:
        guard self.answers[number] == .admitted(number) else { return "\(number) was admitted" }
        self.holding.append(number)
      case .refused(let refusal):
        guard self.answers[number] == .refused(number, refusal.reason) else { return "\(number): \(refusal)" }
      case .cancelled: return "\(number) was cancelled"
      }
      return self.check()
    }

    private mutating func note(_ told: [BulkheadReference.Told]) {
      for one in told {
        switch one {
        case .admitted(let number), .refused(let number, _), .cancelled(let number):
          self.answers[number] = one
        }
      }
    }

    private func check() -> String? {
      let stats = self.bulkhead.stats
      guard stats.inUse == self.reference.inUse else {
        return "\(stats.inUse) in use, should be \(self.reference.inUse)"
      }
      guard stats.waiting == self.reference.waiters.count else {
        return "\(stats.waiting) wait, should be \(self.reference.waiters.count)"
      }
      return nil
    }
  }
}
