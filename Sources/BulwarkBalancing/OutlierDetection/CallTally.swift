/// What became of an endpoint's calls in one interval.
struct CallTally: Hashable, Sendable {
  private(set) var successes = 0
  private(set) var failures = 0
  private var logLatencies = 0.0

  mutating func add(_ report: CallReport, withLatency: Bool) {
    switch report.outcome {
    case .success:
      self.successes += 1
      if withLatency { self.logLatencies += binaryLogarithm(Double(max(report.latency, 1))) }
    case .failure:
      self.failures += 1
    case .neutral:
      break
    }
  }

  var calls: Int { self.successes + self.failures }

  /// 0 to 1; of at least one call.
  var failureShare: Double { Double(self.failures) / Double(self.calls) }

  /// The mean of the binary logarithms of the successes' latencies in nanoseconds, which one slow call hardly moves; of at
  /// least one success.
  var logLatency: Double { self.logLatencies / Double(self.successes) }
}
