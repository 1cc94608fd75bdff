import Bulwark
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension InteropCase {
  /// A server that dies and comes back while calls are made.
  static let restarts = [
    InteropCase(name: "restart") { context in
      let tally = RestartTally()
      let end = ContinuousClock.now + .seconds(context.seconds)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<50 {
          group.addTask { try await keepCalling(context, worker: worker, until: end, tally) }
        }
        try await group.waitForAll()
      }
      print(tally.description)
      try tally.judge()
    }
  ]
}

/// One call after the other, each with a key and a payload of its own.
private func keepCalling(
  _ context: CaseContext,
  worker: Int,
  until end: ContinuousClock.Instant,
  _ tally: RestartTally
) async throws {
  let timeout = Duration.seconds(2)
  var number = 0
  while ContinuousClock.now < end {
    number += 1
    let key = "\(worker)-\(number)"
    let started = ContinuousClock.now
    do {
      let response = try await context.echo(timeout: timeout) {
        $0.payload = Array(key.utf8)
        $0.key = key
        $0.delayMs = 2
        $0.wantReport = true
      }
      try expect(response.payload == Array(key.utf8), "\(key) got the answer of another call")
      try expect(response.report?.attempt == 1, "\(key) was handled \(response.report?.attempt ?? 0) times")
      tally.countAnswer()
    } catch let error as RPCError {
      try expect([.unavailable, .deadlineExceeded].contains(error.code), "\(key) failed with \(error)")
      tally.countFailure(error.code)
      // Without a server a call fails at once; this only keeps the core free for starting it again.
      try await Task.sleep(for: .milliseconds(10))
    }
    let elapsed = started.duration(to: .now)
    try expect(elapsed < timeout + .milliseconds(500), "\(key) took \(elapsed)")
  }
}

/// How the calls of a restart ended. Safe to use from any task.
private final class RestartTally: Sendable, CustomStringConvertible {
  private struct Counts {
    var answeredBefore = 0
    var answeredAfter = 0
    var failures: [StatusCode: Int] = [:]
  }

  private let counts = Mutex(Counts())

  func countAnswer() {
    let isFirst = self.counts.withLock { counts in
      if counts.failures.isEmpty {
        counts.answeredBefore += 1
      } else {
        counts.answeredAfter += 1
      }
      return counts.answeredBefore == 100 && counts.failures.isEmpty
    }
    if isFirst {
      print("running")
      fflush(nil)
    }
  }

  func countFailure(_ code: StatusCode) {
    self.counts.withLock { counts in
      counts.failures[code, default: 0] += 1
      // Only what is answered after the last failure shows that the client has recovered.
      counts.answeredAfter = 0
    }
  }

  var description: String {
    let counts = self.counts.withLock { $0 }
    let failures = counts.failures.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
    return "\(counts.answeredBefore) OK before, \(failures), \(counts.answeredAfter) OK after"
  }

  func judge() throws(CaseFailure) {
    let counts = self.counts.withLock { $0 }
    try expect(!counts.failures.isEmpty, "no call failed: was the server restarted?")
    try expect(
      counts.answeredAfter >= 100,
      "only \(counts.answeredAfter) calls were answered after the restart"
    )
  }
}
