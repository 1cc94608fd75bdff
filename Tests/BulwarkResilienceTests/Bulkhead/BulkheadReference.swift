@testable import BulwarkResilience

/// What a bulkhead has to do, written down as plainly as possible: one array of waiters, searched anew each time.
struct BulkheadReference {
  typealias Told = BulkheadHarness.Told

  struct Waiter {
    var number: Int
    var weight: Int
    var priority: BulkheadPriority
    var since: Int64
    var deadline: Int64?
    var limit: Int64?
  }

  var options: BulkheadOptions
  /// In the order of arrival.
  var waiters: [Waiter] = []
  var inUse = 0
  /// Grants to others since each priority got one, or began to wait.
  private var missed: [BulkheadPriority: Int] = [:]

  init(_ options: BulkheadOptions) {
    self.options = options
  }

  private var free: Int { self.options.maximumConcurrent - self.inUse }

  mutating func take(_ weight: Int) -> Bool {
    guard self.waiters.isEmpty, weight <= self.free else { return false }
    self.inUse += weight
    return true
  }

  mutating func acquire(_ newcomer: Waiter, at now: Int64, isOverloaded: Bool) -> [Told] {
    let number = newcomer.number
    if newcomer.weight > self.options.maximumConcurrent { return [.refused(number, .exceedsCapacity)] }
    if let deadline = newcomer.deadline, deadline <= now { return [.refused(number, .deadline)] }
    var told = self.turn(at: now, isOverloaded: isOverloaded)
    if self.take(newcomer.weight) { return told + [.admitted(number)] }
    if self.waiters.count >= self.options.queueLimit {
      let lowest = self.waiters.map(\.priority).min()
      guard let lowest, lowest < newcomer.priority,
        let victim = self.waiters.lastIndex(where: { $0.priority == lowest })
      else { return told + [.refused(number, .bulkheadFull)] }
      told.append(.refused(self.waiters.remove(at: victim).number, .shed))
    }
    if !self.waiters.contains(where: { $0.priority == newcomer.priority }) {
      self.missed[newcomer.priority] = 0
    }
    var newcomer = newcomer
    newcomer.since = now
    let own = self.options.maximumWait.map { now + $0.wholeNanoseconds }
    newcomer.limit = [own, newcomer.deadline].compactMap { $0 }.min()
    self.waiters.append(newcomer)
    return told + self.serve(at: now, isOverloaded: isOverloaded)
  }

  mutating func release(_ weight: Int, at now: Int64, isOverloaded: Bool) -> [Told] {
    self.inUse -= weight
    return self.turn(at: now, isOverloaded: isOverloaded)
  }

  mutating func withdraw(_ number: Int, _ why: Withdrawal, at now: Int64, isOverloaded: Bool) -> [Told] {
    guard let index = self.waiters.firstIndex(where: { $0.number == number }) else { return [] }
    let waiter = self.waiters.remove(at: index)
    let own: Told = why == .cancellation ? .cancelled(number) : self.expired(waiter)
    return [own] + self.turn(at: now, isOverloaded: isOverloaded)
  }

  mutating func reconfigure(_ options: BulkheadOptions, at now: Int64, isOverloaded: Bool) -> [Told] {
    self.options = options
    var told: [Told] = []
    for priority in BulkheadPriority.allCases.reversed() {
      for waiter in self.waiters
      where waiter.priority == priority && waiter.weight > options.maximumConcurrent {
        told.append(.refused(waiter.number, .exceedsCapacity))
      }
    }
    self.waiters.removeAll { $0.weight > options.maximumConcurrent }
    return told + self.turn(at: now, isOverloaded: isOverloaded)
  }

  private func expired(_ waiter: Waiter) -> Told {
    .refused(waiter.number, waiter.deadline == waiter.limit ? .deadline : .bulkheadFull)
  }

  private mutating func turn(at now: Int64, isOverloaded: Bool) -> [Told] {
    var told: [Told] = []
    if isOverloaded, case .adaptiveLIFO(let codel) = self.options.discipline {
      for priority in BulkheadPriority.allCases {
        let stale = self.waiters.filter {
          $0.priority == priority && now - $0.since > codel.target.wholeNanoseconds * 2
        }
        told += stale.map { .refused($0.number, .shed) }
        self.waiters.removeAll { waiter in stale.contains { $0.number == waiter.number } }
      }
    }
    return told + self.serve(at: now, isOverloaded: isOverloaded)
  }

  private mutating func serve(at now: Int64, isOverloaded: Bool) -> [Told] {
    var told: [Told] = []
    while self.free > 0, let priority = self.nextPriority() {
      let index = self.waiters.indices.filter { self.waiters[$0].priority == priority }
      guard let index = isOverloaded ? index.last : index.first else { break }
      let waiter = self.waiters[index]
      if let limit = waiter.limit, limit <= now {
        self.waiters.remove(at: index)
        told.append(self.expired(waiter))
        continue
      }
      guard waiter.weight <= self.free else { break }
      self.waiters.remove(at: index)
      self.inUse += waiter.weight
      for other in BulkheadPriority.allCases { self.missed[other, default: 0] += 1 }
      self.missed[priority] = 0
      told.append(.admitted(waiter.number))
    }
    return told
  }

  private func nextPriority() -> BulkheadPriority? {
    let waiting = Set(self.waiters.map(\.priority)).sorted(by: >)
    let due = waiting.filter { self.missed[$0, default: 0] >= self.options.starvationBound - 2 }
    let most = due.map { self.missed[$0, default: 0] }.max()
    return due.first { self.missed[$0, default: 0] == most } ?? waiting.first
  }
}
