import Bulwark
import BulwarkResilience
import ConsensusService

/// Five hundred calls at once, through everything.
struct LoadTestScene: Scene {
  let title = "load test"
  let setting =
    "500 at once, 10 % fail. Client: 3 attempts, breaker 30 %, 50 + 50/s. Server: 20 run, 10 wait"

  private static let calls = 500
  private static let burst = 50
  private static let rate = 50.0
  private static let places = 20
  private static let method = ConsensusServiceMethods.submitVote

  func play(on screen: Screen) async throws -> [Promise] {
    let client = PolicySet {
      Calls(to: Self.method)
        .timeout(.seconds(5))
        .retry(attempts: 3, initialBackoff: .milliseconds(50))
        .circuitBreaker(failureThreshold: 0.3, minimumCalls: 10)
        .rateLimit(Self.rate, burst: Self.burst)
    }
    let server = PolicySet {
      Calls(to: Self.method).bulkhead(Self.places, queue: 10)
    }
    return try await Stage.withRunning(server: server, client: client) { stage in
      try stage.faults.set([FaultSetting("SubmitVote:fail=0.1,latency=2ms-10ms")])
      let start = ContinuousClock.now
      let tally = await together(Self.calls, stage.submitVote)
      let report = LoadReport(
        tally: tally,
        elapsed: start.duration(to: .now),
        attempts: stage.arrived(Self.method.descriptor),
        permits: stage.clientManager.stats.rateLimiters.values.reduce(0) { $0 + $1.admitted },
        burst: Self.burst,
        rate: Self.rate
      )
      for line in report.table.lines { screen.line("     " + line) }
      let refused = stage.serverManager.stats.bulkheads.values.reduce(0) { $0 + $1.refused.total }
      return self.promises(report, refused: refused, running: stage.running.most)
    }
  }

  private func promises(_ report: LoadReport, refused: Int, running: Int) -> [Promise] {
    [
      Promise(
        "every call has one outcome",
        seen: CallOutcome.allCases.map { "\(report.tally.count($0))" }.joined(separator: " + ")
          + " = \(report.sum)",
        isKept: report.sum == Self.calls
      ),
      Promise(
        "no more permits than 50, and 50 per second",
        seen: "\(report.permits) of \(report.allowed)",
        isKept: report.permits <= report.allowed
      ),
      Promise(
        "permits = attempts that ran + that found no place",
        seen: "\(report.permits) = \(report.attempts) + \(refused)",
        isKept: report.permits == report.attempts + refused
      ),
      Promise("never more than 20 run at once", seen: "\(running)", isKept: running <= Self.places),
    ]
  }
}
