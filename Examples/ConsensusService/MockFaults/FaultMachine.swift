import Bulwark

/// What is to be done to one call.
struct FaultDecision: Hashable, Sendable {
  enum Outcome: Hashable, Sendable {
    case pass(hashRounds: Int)
    case fail(StatusCode)
    case hang
  }

  /// How long the call waits first.
  let latency: Duration
  let outcome: Outcome
}

/// What was done to the calls of a method.
struct FaultTally: Hashable, Sendable {
  /// Every call that came.
  var calls: UInt64 = 0
  /// Calls that were answered with a failure.
  var failed: UInt64 = 0
  /// Calls that began to wait.
  var delayed: UInt64 = 0
  /// Calls that began to hang.
  var hung: UInt64 = 0
  /// Rounds of hashing that were done.
  var hashRounds: UInt64 = 0
  /// Calls that asked in their metadata for what is not allowed.
  var refused: UInt64 = 0
}

/// The faults of all methods, how far their scripts are, and what was done.
struct FaultMachine: Sendable {
  private struct Entry {
    var plan: FaultPlan
    /// How many calls of a cycle are over.
    var position = 0

    /// Takes one step of the script; whether the call is to fail.
    mutating func takeScriptedFailure() -> Bool {
      switch self.plan.script {
      case nil:
        return false
      case .next(let calls):
        self.plan.script = calls > 1 ? .next(calls - 1) : nil
        return true
      case .first(let failures, let calls):
        defer { self.position = (self.position + 1) % calls }
        return self.position < failures
      }
    }
  }

  private var entries: [String: Entry] = [:]

  /// The methods that were called.
  private(set) var tallies: [String: FaultTally] = [:]

  /// The faults that are set, scripts as far as they are still to come.
  var plans: [String: FaultPlan] { self.entries.mapValues(\.plan) }

  /// Replaces the faults of a method, and starts its script.
  mutating func set(_ setting: FaultSetting) {
    self.entries[setting.method] = Entry(plan: setting.plan)
  }

  /// Takes the faults of a method away.
  mutating func clear(_ method: String) {
    self.entries[method] = nil
  }

  /// Takes all faults away.
  mutating func clearAll() {
    self.entries = [:]
  }

  /// Decides what is done to a call, which is one step of its script.
  mutating func decide(
    _ method: String,
    _ overrides: FaultOverrides,
    using generator: inout some RandomNumberGenerator
  ) -> FaultDecision {
    let key = self.entries[method] == nil ? FaultSetting.everyMethod : method
    var entry = self.entries[key] ?? Entry(plan: FaultPlan())
    let latency = overrides.latency ?? entry.plan.latency.drawn(using: &generator)
    let fails =
      if let rate = overrides.failureRate { drawn(rate, using: &generator) } else {
        // The script moves on for every call, whatever chance says.
        entry.takeScriptedFailure() || drawn(entry.plan.failureRate, using: &generator)
      }
    if self.entries[key] != nil { self.entries[key] = entry }
    let outcome: FaultDecision.Outcome =
      if fails {
        .fail(overrides.failureCode ?? entry.plan.failureCode)
      } else if entry.plan.hangs {
        .hang
      } else {
        .pass(hashRounds: MockFaults.verifies(method) ? entry.plan.hashRounds : 0)
      }
    return FaultDecision(latency: latency, outcome: outcome)
  }

  /// Counts something that was done.
  mutating func count(_ what: WritableKeyPath<FaultTally, UInt64>, of method: String, by amount: UInt64 = 1) {
    self.tallies[method, default: FaultTally()][keyPath: what] &+= amount
  }
}

private func drawn(_ rate: Double, using generator: inout some RandomNumberGenerator) -> Bool {
  // What is certain draws no number, so that it does not shift the numbers of other calls.
  guard rate > 0, rate < 1 else { return rate >= 1 }
  return Double.random(in: 0..<1, using: &generator) < rate
}

extension ClosedRange<Duration> {
  fileprivate func drawn(using generator: inout some RandomNumberGenerator) -> Duration {
    guard self.lowerBound < self.upperBound else { return self.lowerBound }
    let bounds = self.lowerBound.wholeMicroseconds...self.upperBound.wholeMicroseconds
    return .microseconds(Int64.random(in: bounds, using: &generator))
  }
}
