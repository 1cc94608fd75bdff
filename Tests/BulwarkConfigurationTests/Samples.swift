import BulwarkInterceptors

/// The same policies in every form.
enum Samples {
  static let yaml = """
    # The committee's limits.
    policies:
      "consensus.v1.ConsensusService/SubmitVote":
        timeout: 200ms
        circuit_breaker: { failure_threshold: 0.3, minimum_calls: 10 }
        retry: { mode: off }
      "consensus.v1.ConsensusService":
        rate_limit: { rate: 50, burst: 100, name: votes, scope: peer }
      "*":
        bulkhead: { maximum_concurrent: 200 }
    """

  static let json = """
    {
      "policies": {
        "consensus.v1.ConsensusService/SubmitVote": {
          "timeout": "200ms",
          "circuit_breaker": { "failure_threshold": 0.3, "minimum_calls": 10 },
          "retry": { "mode": "off" }
        },
        "consensus.v1.ConsensusService": {
          "rate_limit": { "rate": 50, "burst": 100, "name": "votes", "scope": "peer" }
        },
        "*": { "bulkhead": { "maximum_concurrent": 200 } }
      }
    }
    """

  static let policies: [PolicySelector: MethodPolicy] = [
    .method(service: "consensus.v1.ConsensusService", "SubmitVote"): .with {
      $0.timeout = .milliseconds(200)
      $0.circuitBreaker = CircuitBreakerPolicy()
      $0.circuitBreaker?.failureThreshold = 0.3
      $0.circuitBreaker?.minimumCalls = 10
      $0.retry = RetryPolicy()
      $0.retry?.mode = .off
    },
    .service("consensus.v1.ConsensusService"): .with {
      $0.rateLimit = RateLimitPolicy()
      $0.rateLimit?.rate = 50
      $0.rateLimit?.burst = 100
      $0.rateLimit?.name = "votes"
      $0.rateLimit?.scope = .peer
    },
    .all: .with {
      $0.bulkhead = BulkheadPolicy()
      $0.bulkhead?.maximumConcurrent = 200
    },
  ]
}
