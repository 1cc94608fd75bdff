import Testing

@testable import consensus_demo

@Suite struct OutputTests {
  private static let log = Screen(isTerminal: false, environment: [:])
  private static let terminal = Screen(isTerminal: true, environment: ["TERM": "xterm"])

  @Test func columnsAreAsWideAsTheirWidestCell() {
    var table = Table("phase", "calls", "p99")
    table.add(["quiet", "100", "0.25 ms"])
    table.add(["a rush of 200", "7", "12.00 ms"])
    #expect(
      table.lines == [
        "phase          calls       p99",
        "quiet            100   0.25 ms",
        "a rush of 200      7  12.00 ms",
      ]
    )
  }

  @Test func aLogHasNoControlCharacters() {
    #expect(Self.log.painted("x", .red) == "x")
    #expect(Self.terminal.painted("x", .red) == "\u{1B}[31mx\u{1B}[0m")
  }

  @Test func noColorIsObeyedIfItIsNotEmpty() {
    #expect(Screen(isTerminal: true, environment: ["NO_COLOR": "1"]).painted("x", .red) == "x")
    #expect(Screen(isTerminal: true, environment: ["NO_COLOR": ""]).painted("x", .red) != "x")
  }

  @Test func aPromiseSaysWhatWasSeen() {
    let line = Promise("50 run at once", seen: 49, expected: 50).line(on: Self.log)
    #expect(line.hasPrefix("   BROKEN  50 run at once "))
    #expect(line.hasSuffix("  49"))
    #expect(Promise("50 run at once", seen: 50, expected: 50).line(on: Self.log).hasPrefix("   kept    50"))
  }

  @Test func aPercentileIsOneOfTheDurations() {
    let durations = (1...100).map { Duration.milliseconds($0) }
    #expect(durations.percentile(0.5) == .milliseconds(50))
    #expect(durations.percentile(0.99) == .milliseconds(99))
    #expect(durations.percentile(1) == .milliseconds(100))
    #expect([Duration]().percentile(0.5) == .zero)
  }

  @Test func theReportOfALoadTestAddsUp() {
    var tally = Tally()
    for outcome in CallOutcome.allCases {
      tally.add(CallRecord(outcome: outcome, duration: .milliseconds(4), code: nil, pushback: nil))
    }
    let report = LoadReport(
      tally: tally,
      elapsed: .milliseconds(500),
      attempts: 30,
      permits: 30,
      burst: 50,
      rate: 50
    )
    #expect((report.sum, report.allowed) == (5, 75))
    #expect(report.table.lines.contains("used of the rate limit     40 %"))
    #expect(report.table.lines.contains("throughput                 10/s"))
  }
}
