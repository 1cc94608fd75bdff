import Synchronization

/// How long calls took, method by method, and which of those to a lost node failed. Safe to use from any task.
final class Measurements: Sendable {
  private let state = Mutex((durations: [String: [Duration]](), failures: [CallOutcome: Int]()))

  /// The durations so far, by method.
  var durations: [String: [Duration]] { self.state.withLock(\.durations) }

  /// How many calls ended so.
  func failures(_ outcome: CallOutcome) -> Int { self.state.withLock { $0.failures[outcome] ?? 0 } }

  /// Makes a call and notes how long it took; one that fails is not noted.
  func measure<Result>(_ method: String, _ call: () async throws -> Result) async throws -> Result {
    let started = ContinuousClock.now
    let result = try await call()
    let elapsed = started.duration(to: .now)
    self.state.withLock { $0.durations[method, default: []].append(elapsed) }
    return result
  }

  /// Notes a call that failed.
  func note(_ outcome: CallOutcome) {
    self.state.withLock { $0.failures[outcome, default: 0] += 1 }
  }
}
