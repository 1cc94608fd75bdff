import BulwarkInterceptors
import BulwarkResilience
import Testing

/// The ranges of what a program sets in Swift: those of a file, named by the same keys.
struct PolicyRangeTests {
  @Test(
    arguments: [
      (["retry.maximum_attempts": .integer(17)], "retry.maximum_attempts is 17; allowed: 1 to 16"),
      (["retry.backoff_multiplier": .number(0.5)], "retry.backoff_multiplier is 0.5; "),
      (["retry.maximum_backoff": .text("99ms")], "retry.maximum_backoff is 0.099 seconds; "),
      (["hedging.maximum_attempts": .integer(0)], "hedging.maximum_attempts is 0; allowed: 1 to 16"),
      (
        ["retry_budget.maximum_tokens": .integer(1001)],
        "retry_budget.maximum_tokens is 1001; allowed: 1 to 1000"
      ),
      (["circuit_breaker.recovery": .text("0s")], "circuit_breaker.recovery is 0.0 seconds; "),
      (
        ["circuit_breaker.maximum_break_duration": .text("1s")],
        "circuit_breaker.maximum_break_duration is 1.0 seconds; "
      ),
      (["rate_limit.maximum_peers": .integer(0)], "rate_limit.maximum_peers is 0; allowed: 1 to 1000000"),
      (
        ["bulkhead.maximum_concurrent": .integer(4), "bulkhead.weight": .integer(5)],
        "bulkhead.weight is 5; allowed: 1 to 4"
      ),
      (["timeout": .text("0s")], "timeout is 0"),
      (
        ["idle_timeout": .text("99999h")],
        "idle_timeout is "
      ),
    ] as [([String: PolicyValue], String)]
  )
  func aValueOutOfRangeIsNamedByTheKeyThatAFileHasForIt(settings: [String: PolicyValue], said: String) throws
  {
    var policy = MethodPolicy()
    for (key, value) in settings { try policy.set(key, to: value) }
    let code = PolicySet(source: "code", [.all: policy])
    let problem = #expect(throws: PolicyProblem.self) { try Policies(code: code) }
    #expect(problem?.description.hasPrefix("code (*): \(said)") == true, "\(String(describing: problem))")
  }

  @Test func theLastValueOfEachRangeIsAllowed() throws {
    var policy = MethodPolicy()
    for (key, value) in [
      "retry.maximum_attempts": .integer(16), "retry_budget.maximum_tokens": .integer(1000),
      "bulkhead.maximum_concurrent": .integer(4), "bulkhead.weight": .integer(4),
      "rate_limit.maximum_peers": .integer(1_000_000), "timeout": .text("87600h"),
    ] as [String: PolicyValue] {
      try policy.set(key, to: value)
    }
    #expect(throws: Never.self) { try Policies(code: PolicySet(source: "code", [.all: policy])) }
  }
}
