import BulwarkConfiguration
import BulwarkInterceptors
import Testing

struct PolicyRangeTests {
  private func problems(_ text: String) -> [String] {
    do throws(ConfigurationError) {
      _ = try PolicySet(configuration: text, source: "p.yaml")
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test(arguments: [
    ("timeout: 0s", "timeout is \"0s\""),
    ("attempt_timeout: 0s", "attempt_timeout is \"0s\""),
    ("idle_timeout: 99999h", "idle_timeout is \"99999h\""),
    ("retry: { maximum_attempts: 17 }", "retry.maximum_attempts is 17"),
    ("retry: { initial_backoff: 31s }", "retry.maximum_backoff"),
    ("retry: { maximum_backoff: 99ms }", "retry.maximum_backoff is \"99ms\""),
    ("retry: { backoff_multiplier: 0.5 }", "retry.backoff_multiplier is 0.5"),
    ("retry: { jitter: 1.1 }", "retry.jitter is 1.1"),
    ("hedging: { maximum_attempts: 0 }", "hedging.maximum_attempts is 0"),
    ("retry_budget: { ratio: -1 }", "retry_budget.ratio is -1"),
    ("retry_budget: { minimum_per_second: -1 }", "retry_budget.minimum_per_second is -1"),
    ("retry_budget: { window: 1ms }", "retry_budget.window is \"1ms\""),
    ("retry_budget: { maximum_tokens: 1001 }", "retry_budget.maximum_tokens is 1001"),
    ("retry_budget: { maximum_tokens: 9, token_ratio: 0 }", "retry_budget.token_ratio is 0"),
    ("circuit_breaker: { failure_threshold: 3 }", "circuit_breaker.failure_threshold is 3"),
    ("circuit_breaker: { failure_threshold: nan }", "circuit_breaker.failure_threshold is \"nan\""),
    ("circuit_breaker: { minimum_calls: 0 }", "circuit_breaker.minimum_calls is 0"),
    ("circuit_breaker: { slow_call_rate_threshold: 0 }", "circuit_breaker.slow_call_rate_threshold is 0"),
    ("circuit_breaker: { maximum_break_duration: 1s }", "circuit_breaker.maximum_break_duration is \"1s\""),
    ("circuit_breaker: { recovery: 0s }", "circuit_breaker.recovery is \"0s\""),
    ("circuit_breaker: { maximum_peers: 0 }", "circuit_breaker.maximum_peers is 0"),
    ("rate_limit: { rate: 0 }", "rate_limit.rate is 0"),
    ("rate_limit: { burst: 0 }", "rate_limit.burst is 0"),
    ("rate_limit: { maximum_peers: 1000001 }", "rate_limit.maximum_peers is 1000001"),
    ("bulkhead: { maximum_concurrent: 0 }", "bulkhead.maximum_concurrent is 0"),
    ("bulkhead: { queue_limit: -1 }", "bulkhead.queue_limit is -1"),
    ("bulkhead: { maximum_concurrent: 4, weight: 5 }", "bulkhead.weight is 5"),
  ])
  func aValueOutOfRangeIsNamedByItsKey(setting: String, named: String) {
    let problems = self.problems("policies:\n  '*':\n    \(setting)")
    #expect(problems.count == 1)
    #expect(problems.first?.contains(named) == true, "\(problems)")
    #expect(problems.first?.contains("allowed: ") == true)
    #expect(problems.first?.hasPrefix("p.yaml:3: policies.\"*\".") == true)
  }

  @Test func whatASelectorSetsIsCheckedWithWhatItIsFilledUpWith() {
    let text = """
      policies:
        "*": { retry: { maximum_backoff: 1s } }
        app.Service: { retry: { initial_backoff: 2s } }
        app.Other: { timeout: 1s }
      """
    #expect(
      self.problems(text) == [
        "p.yaml:3: policies.\"app.Service\".retry.initial_backoff does not go with retry.maximum_backoff, "
          + "which is 1.0 seconds; allowed: 2.0 seconds to 315360000.0 seconds"
      ]
    )
  }
}
