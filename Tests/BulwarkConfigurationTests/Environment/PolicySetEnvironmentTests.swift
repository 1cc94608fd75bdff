import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors
import Testing

struct PolicySetEnvironmentTests {
  private static let service = "consensus.v1.ConsensusService"
  private static let methods = [
    MethodDescriptor(service: service, method: "SubmitVote", kind: .unary),
    MethodDescriptor(service: service, method: "Sync_Blocks", kind: .serverStreaming),
  ]

  private func read(_ environment: [String: String], methods: [MethodDescriptor] = methods)
    throws(ConfigurationError) -> PolicySet
  {
    try PolicySet(environment: environment, selectors: PolicySet.selectors(of: methods))
  }

  private func problems(_ environment: [String: String], methods: [MethodDescriptor] = methods) -> [String] {
    do throws(ConfigurationError) {
      _ = try self.read(environment, methods: methods)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func aVariableIsForAMethodForAServiceOrForAll() throws {
    let set = try self.read([
      "BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__SUBMITVOTE__RATE_LIMIT__RATE": "50",
      "BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__SUBMITVOTE__RATE_LIMIT__NAME": "true",
      "BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__SYNC_BLOCKS__IDLE_TIMEOUT": "30s",
      "BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__RETRY__RETRYABLE_CODES": "UNAVAILABLE,ABORTED",
      "BULWARK_POLICY__ALL__BULKHEAD": "true",
      "BULWARK_POLICY": "not ours", "PATH": "/bin",
    ])
    #expect(set.source == "environment")
    #expect(
      set.policies == [
        .method(service: Self.service, "SubmitVote"): .with {
          $0.rateLimit = RateLimitPolicy()
          $0.rateLimit?.rate = 50
          $0.rateLimit?.name = "true"
        },
        .method(service: Self.service, "Sync_Blocks"): .with { $0.idleTimeout = .seconds(30) },
        .service(Self.service): .with {
          $0.retry = RetryPolicy()
          $0.retry?.retryableCodes = [.unavailable, .aborted]
        },
        .all: .with { $0.bulkhead = BulkheadPolicy() },
      ]
    )
  }

  @Test func theEnvironmentStandsAboveAFileWhenItIsNamedFirst() throws {
    let environment = try self.read(["BULWARK_POLICY__ALL__BULKHEAD__MAXIMUM_CONCURRENT": "5"])
    let file = try PolicySet(configuration: Samples.yaml, source: "policies.yaml")
    let effective = EffectivePolicy(of: Self.methods[0], from: [environment, file])
    #expect(effective.policy.bulkhead?.maximumConcurrent == 5)
    #expect(effective.origins["bulkhead.maximum_concurrent"]?.description == "environment (*)")
    #expect(effective.policy.timeout == .milliseconds(200))
  }

  @Test func everyMistakeIsNamedWithItsVariableItsValueAndWhatIsAllowed() {
    #expect(
      self.problems([
        "BULWARK_POLICY__ALL__RATE_LIMIT__RATES": "1",
        "BULWARK_POLICY__ALL__RATE_LIMIT__RATE": "fast",
        "BULWARK_POLICY__ALL__BULKHEAD__MAXIMUM_CONCURRENT": "0",
        "BULWARK_POLICY__ALL__TIMEOUTS": "1s",
        "BULWARK_POLICY__CONSENSUS__TIMEOUT": "1s",
      ]) == [
        "environment: BULWARK_POLICY__ALL__BULKHEAD__MAXIMUM_CONCURRENT is \"0\"; allowed: 1 to 1000000",
        "environment: BULWARK_POLICY__ALL__RATE_LIMIT__RATE is \"fast\"; allowed: a number",
        "environment: BULWARK_POLICY__ALL__RATE_LIMIT__RATES has no such key of *; allowed: RATE_LIMIT__RATE, "
          + "RATE_LIMIT__BURST, RATE_LIMIT__QUEUE_LIMIT, RATE_LIMIT__MAXIMUM_WAIT, RATE_LIMIT__NAME, "
          + "RATE_LIMIT__MODE, RATE_LIMIT__SCOPE, RATE_LIMIT__SIDES, RATE_LIMIT__MAXIMUM_PEERS",
        "environment: BULWARK_POLICY__ALL__TIMEOUTS has no such key of *; allowed: TIMEOUT, ATTEMPT_TIMEOUT, "
          + "WAIT_FOR_READY, IDLE_TIMEOUT, RETRY, HEDGING, RETRY_BUDGET, CIRCUIT_BREAKER, RATE_LIMIT, BULKHEAD",
        "environment: BULWARK_POLICY__CONSENSUS__TIMEOUT is for no method that is known; "
          + "allowed after BULWARK_POLICY__: one of ALL, CONSENSUS_V1_CONSENSUSSERVICE, "
          + "CONSENSUS_V1_CONSENSUSSERVICE__SUBMITVOTE, CONSENSUS_V1_CONSENSUSSERVICE__SYNC_BLOCKS",
      ]
    )
  }

  @Test func aVariableThatCouldBeForTwoMethodsIsRefused() {
    let methods = [
      MethodDescriptor(service: "a.b", method: "Call", kind: .unary),
      MethodDescriptor(service: "a_b", method: "Call", kind: .unary),
    ]
    #expect(
      self.problems(["BULWARK_POLICY__A_B__CALL__TIMEOUT": "1s"], methods: methods) == [
        "environment: BULWARK_POLICY__A_B__CALL__TIMEOUT could be any of a.b/Call timeout and a_b/Call timeout; "
          + "set it in a file"
      ]
    )
  }

  @Test func aMethodWithTheNameOfAGroupIsToldFromIt() throws {
    let retry = MethodDescriptor(service: "app.Queue", method: "Retry", kind: .unary)
    let set = try self.read(
      [
        "BULWARK_POLICY__APP_QUEUE__RETRY__TIMEOUT": "1s",
        "BULWARK_POLICY__APP_QUEUE__RETRY__MAXIMUM_ATTEMPTS": "4",
      ],
      methods: [retry]
    )
    #expect(set.policies[.method(service: "app.Queue", "Retry")]?.timeout == .seconds(1))
    #expect(set.policies[.service("app.Queue")]?.retry?.maximumAttempts == 4)
  }

  @Test func theProcessHasAnEnvironment() {
    #expect([String: String].processEnvironment["PATH"] != nil)
  }
}
