/// The figures of a load test.
struct LoadReport: Sendable {
  let tally: Tally
  let elapsed: Duration

  /// How many attempts came to the server.
  let attempts: Int

  /// How many permits the limiter gave.
  let permits: Int

  let burst: Int

  /// Permits per second.
  let rate: Double

  /// The calls of all outcomes together.
  var sum: Int { CallOutcome.allCases.reduce(0) { $0 + self.tally.count($1) } }

  /// The most permits that there can have been in this time.
  var allowed: Int { self.burst + Int(self.rate * (self.elapsed / .seconds(1))) }

  var table: Table {
    let answered = self.tally.durations(.answered)
    var table = Table("requests", "\(self.tally.total)")
    table.add(["succeeded", "\(answered.count)"])
    for outcome in CallOutcome.allCases.dropFirst() {
      table.add([outcome.name, "\(self.tally.count(outcome))"])
    }
    table.add(["duration", self.elapsed.wholeMilliseconds])
    table.add(["throughput", "\(perSecond(self.tally.total, in: self.elapsed))/s"])
    table.add(["  answered", "\(perSecond(answered.count, in: self.elapsed))/s"])
    table.add(["p50 of the answered", answered.percentile(0.5).milliseconds])
    table.add(["p99 of the answered", answered.percentile(0.99).milliseconds])
    table.add(["used of the rate limit", percent(Double(self.permits) / Double(self.allowed))])
    return table
  }
}
