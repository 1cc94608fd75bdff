import Bulwark
import BulwarkTestKit
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Callers that make one random call after the other, and judge each. Safe from any task.
final class SoakLoad: Sendable {
  private struct State {
    var calls = 0
    var answers = 0
    var answersSinceOutage = 0
    var isOutage = false
    var wrong: [String] = []
  }

  /// How much later than its deadline a call may be seen to end, on a machine that is busy.
  private static let grace = Duration.seconds(1)

  private let interop: InteropClient
  private let callers: Int
  private let timeout: Duration
  private let allowsOutages: Bool
  private let areAllAnswered: Bool
  private let state = Mutex(State())

  /// - Parameters:
  ///   - callers: how many calls are under way at once.
  ///   - timeout: of the calls that are to be answered.
  ///   - allowsOutages: whether the server may be gone for a while: then calls may end with UNAVAILABLE, and at their
  ///     deadlines.
  ///   - areAllAnswered: whether no call is to end in another way than with its answer.
  init(
    _ interop: InteropClient,
    callers: Int,
    timeout: Duration,
    allowsOutages: Bool,
    areAllAnswered: Bool
  ) {
    self.interop = interop
    self.callers = callers
    self.timeout = timeout
    self.allowsOutages = allowsOutages
    self.areAllAnswered = areAllAnswered
  }

  var calls: Int { self.state.withLock { $0.calls } }

  /// What ended as it should not have, the first few of them.
  var wrong: [String] { self.state.withLock { $0.wrong } }

  /// How many calls have been answered since the last one that met an outage.
  var answersSinceOutage: Int { self.state.withLock { $0.answersSinceOutage } }

  /// Makes calls for this time.
  ///
  /// - Parameter rate: how many calls a second all callers together begin; nil for as many as they can.
  /// - Returns: how many calls a second have ended.
  func run(for length: Duration, rate: Double? = nil, seed: UInt64) async -> Double {
    var generator = SeededGenerator(seed: seed)
    let before = self.calls
    let started = ContinuousClock.now
    let interval = rate.map { Duration.seconds(Double(self.callers) / $0) }
    await withTaskGroup(of: Void.self) { group in
      for caller in 0..<self.callers {
        let own = generator.split()
        // Callers that are paced begin one after the other, not all at once.
        let first = started + (interval ?? .zero) * caller / self.callers
        group.addTask { await self.keepCalling(from: first, until: started + length, every: interval, own) }
      }
    }
    return Double(self.calls - before) / (started.duration(to: .now) / .seconds(1))
  }

  private func keepCalling(
    from first: ContinuousClock.Instant,
    until end: ContinuousClock.Instant,
    every interval: Duration?,
    _ generator: SeededGenerator
  ) async {
    var generator = generator
    var next = first
    while ContinuousClock.now < end {
      if let interval {
        try? await Task.sleep(until: next)
        next = max(next + interval, .now)
      }
      let call = SoakCall.random(timeout: self.timeout, isAnswered: self.areAllAnswered, using: &generator)
      await self.call(call)
    }
  }

  private func call(_ call: SoakCall) async {
    let started = ContinuousClock.now
    do {
      let result = try await call.run(self.interop)
      let isOutage = try self.judge(call, result, started.duration(to: .now))
      self.note(isAnswer: isOutage ? nil : (try? result.get()) != nil)
      // Without a server a call fails at once; this only keeps the core free for starting it again.
      if isOutage { try await Task.sleep(for: .milliseconds(10)) }
    } catch {
      self.state.withLock { state in
        state.calls += 1
        if state.wrong.count < 10 { state.wrong.append("\(error)") }
      }
    }
  }

  /// True if an outage has kept the call from ending as it was to.
  private func judge(_ call: SoakCall, _ result: Result<Void, RPCError>, _ elapsed: Duration) throws -> Bool {
    try expect(elapsed < call.timeout + Self.grace, "\(call) took \(elapsed)")
    switch (result, call.ending) {
    case (.success, .answer): return false
    case (.failure(let error), .failure(let code)) where error.code == code && error.origin == .remote:
      return false
    case (.failure(let error), .deadline) where error.code == .deadlineExceeded && elapsed >= call.timeout:
      return false
    case (.failure(let error), .cancellation) where error.code == .cancelled: return false
    case (.failure(let error), _) where self.allowsOutages:
      if error.code == .unavailable && error.origin == .transport { return true }
      if error.code == .deadlineExceeded && elapsed >= call.timeout { return true }
      throw CaseFailure("\(call) ended with \(error) of \(error.origin) after \(elapsed)")
    case (.failure(let error), _):
      throw CaseFailure("\(call) ended with \(error) of \(error.origin) after \(elapsed)")
    case (.success, _): throw CaseFailure("\(call) was answered")
    }
  }

  /// - Parameter isAnswer: nil for a call that met an outage.
  private func note(isAnswer: Bool?) {
    let news = self.state.withLock { state -> String? in
      state.calls += 1
      guard let isAnswer else {
        state.answersSinceOutage = 0
        defer { state.isOutage = true }
        return state.isOutage ? nil : "an outage"
      }
      guard isAnswer else { return nil }
      state.answers += 1
      state.answersSinceOutage += 1
      // Calls that were under way when the outage began may still be answered; a hundred were not.
      if state.isOutage, state.answersSinceOutage == 100 {
        state.isOutage = false
        return "answered again"
      }
      return state.answers == 100 ? "running" : nil
    }
    guard let news else { return }
    print(news)
    fflush(nil)
  }
}
