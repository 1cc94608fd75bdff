@testable import BulwarkResilience

/// A machine whose waiters are numbers, on a time that the test sets, with all that it told.
struct BulkheadHarness {
  /// What the machine told: to whom, what.
  enum Told: Hashable {
    case admitted(Int)
    case refused(Int, Rejection.Reason)
    case cancelled(Int)
  }

  var machine: BulkheadMachine<Int>
  var now: Int64 = 1_000_000_000
  private var ids: [Int: BulkheadMachine<Int>.ID] = [:]
  /// When each waiter's timer would go off.
  private(set) var limits: [Int: Int64] = [:]

  init(_ options: BulkheadOptions) {
    self.machine = BulkheadMachine(options)
  }

  /// `maximum` permits and otherwise the defaults.
  init(
    maximum: Int,
    queueLimit: Int = 100,
    maximumWait: Duration? = nil,
    discipline: BulkheadDiscipline = .fifo,
    starvationBound: Int = 8
  ) {
    self.init(
      BulkheadOptions(
        maximumConcurrent: maximum,
        queueLimit: queueLimit,
        maximumWait: maximumWait,
        discipline: discipline,
        starvationBound: starvationBound
      )
    )
  }

  private func told(_ settled: [BulkheadMachine<Int>.Settled]) -> [Told] {
    settled.map { Self.told($0.waiter, $0.answer) }
  }

  private static func told(_ waiter: Int, _ answer: BulkheadAnswer) -> Told {
    switch answer {
    case .admitted: .admitted(waiter)
    case .refused(let refusal): .refused(waiter, refusal.reason)
    case .cancelled: .cancelled(waiter)
    }
  }

  /// Everything that is told because of this caller, whose own answer comes last if it comes at once.
  mutating func acquire(
    _ waiter: Int,
    weight: Int = 1,
    _ priority: BulkheadPriority = .normal,
    deadline: Int64? = nil
  ) -> [Told] {
    var settled: [BulkheadMachine<Int>.Settled] = []
    let action = self.machine.acquire(
      weight,
      priority,
      deadline: deadline,
      at: self.now,
      as: waiter,
      settled: &settled
    )
    switch action {
    case .admitted: return self.told(settled) + [.admitted(waiter)]
    case .refused(let refusal): return self.told(settled) + [.refused(waiter, refusal.reason)]
    case .waits(let id, let limit):
      self.ids[waiter] = id
      self.limits[waiter] = limit
      return self.told(settled)
    }
  }

  mutating func release(_ weight: Int = 1) -> [Told] {
    var settled: [BulkheadMachine<Int>.Settled] = []
    self.machine.release(weight, at: self.now, settled: &settled)
    return self.told(settled)
  }

  mutating func withdraw(_ waiter: Int, _ why: Withdrawal) -> [Told] {
    guard let id = self.ids[waiter] else { return [] }
    var settled: [BulkheadMachine<Int>.Settled] = []
    self.machine.withdraw(id, why, at: self.now, settled: &settled)
    return self.told(settled)
  }

  mutating func reconfigure(_ body: (inout BulkheadOptions) -> Void) -> [Told] {
    var options = self.machine.options
    body(&options)
    var settled: [BulkheadMachine<Int>.Settled] = []
    self.machine.reconfigure(options, at: self.now, settled: &settled)
    return self.told(settled)
  }

  mutating func close() -> [Told] {
    var settled: [BulkheadMachine<Int>.Settled] = []
    self.machine.close(settled: &settled)
    return self.told(settled)
  }

  mutating func advance(milliseconds: Int64) {
    self.now += milliseconds * 1_000_000
  }
}
