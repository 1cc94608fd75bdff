import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import Testing

/// Changes of the configuration while calls go on.
struct ReloadTests {
  private let clock = VirtualClock()

  private func configuration(@PolicySetBuilder _ annotations: () -> [Calls]) -> [PolicySet] {
    [PolicySet(source: "policies.yaml", annotations)]
  }

  @Test func aLimiterKeepsItsDebt() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(1, burst: 10) }
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(10).admitted == 10)
    try policies.replaceConfiguration(by: self.configuration { Calls(Sample.call).rateLimit(burst: 15) })
    #expect(gate.admit(20).admitted == 5)
  }

  @Test func anOpenCircuitStaysOpen() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).circuitBreaker(minimumCalls: 1) }
    let gate = GateDriver(policies, self.clock)
    gate.admit().end(.internalError)
    try policies.replaceConfiguration(
      by: self.configuration { Calls(Sample.call).circuitBreaker(failureThreshold: 0.9).timeout(.seconds(1)) }
    )
    #expect(gate.admit().error?.code == .unavailable)
  }

  @Test func aRunningCallGivesItsPlaceBackToTheBulkheadThatItTookItFrom() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).bulkhead(2, queue: 0) }
    let gate = GateDriver(policies, self.clock)
    let running = gate.admit(2)
    try policies.replaceConfiguration(by: self.configuration { Calls(Sample.call).bulkhead(1) })
    running[0].end()
    #expect(!gate.admit().isAdmitted)
    running[1].end()
    #expect(gate.admit().isAdmitted)
  }

  @Test func aPolicyComesAndGoesWithTheConfiguration() throws {
    let policies = try Sample.policies(self.clock) {}
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(10).admitted == 10)
    try policies.replaceConfiguration(by: self.configuration { Calls.all.rateLimit(1, burst: 1) })
    #expect(gate.admit(10).admitted == 1)
    #expect(policies.manager.stats.rateLimiters.count == 1)
    try policies.replaceConfiguration(by: [])
    #expect(gate.admit(10).admitted == 10)
    #expect(policies.manager.stats.rateLimiters.isEmpty)
  }

  @Test func aConfigurationCanSwitchAnAnnotationOff() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(1, burst: 1) }
    let gate = GateDriver(policies, self.clock)
    try policies.replaceConfiguration(by: self.configuration { Calls(Sample.call).rateLimit(mode: .off) })
    #expect(gate.admit(10).admitted == 10)
  }

  @Test func aBadConfigurationChangesNothingAndSaysWhatIsWrong() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(1, burst: 1) }
    let gate = GateDriver(policies, self.clock)
    let bad = self.configuration {
      Calls(Sample.call).rateLimit(100, burst: 100)
      Calls(Sample.other).circuitBreaker(failureThreshold: 2)
    }
    let problem = #expect(throws: PolicyProblem.self) { try policies.replaceConfiguration(by: bad) }
    #expect(
      problem?.description
        == "policies.yaml (app.Service/Other): circuit_breaker.failure_threshold is 2.0; allowed: more than 0, at most 1"
    )
    #expect(gate.admit(10).admitted == 1)
  }

  @Test func aNameThatTheProgramHasTakenForItselfLeavesEverythingAsItWas() throws {
    let manager = Sample.manager(self.clock)
    let policies = try Policies(
      code: PolicySet { Calls(Sample.call).rateLimit(1, burst: 1) },
      manager: manager
    )
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(10).admitted == 1)
    _ = gate.admit(Sample.other)
    _ = try manager.bulkhead("app.Service/Other", BulkheadOptions(maximumConcurrent: 7))
    let taken = self.configuration {
      Calls(Sample.call).rateLimit(burst: 50)
      Calls(Sample.other).bulkhead(3)
    }
    #expect(throws: PolicyProblem.self) { try policies.replaceConfiguration(by: taken) }
    #expect(manager.stats.rateLimiters.count == 1)
    #expect(gate.admit(10).admitted == 0)
  }

  @Test func aMethodWhosePolicyCannotBeMadeRefusesEveryCall() throws {
    let manager = Sample.manager(self.clock)
    _ = try manager.bulkhead("app.Service/Call", BulkheadOptions(maximumConcurrent: 7))
    let policies = try Policies(code: PolicySet { Calls(Sample.call).bulkhead(3) }, manager: manager)
    let error = GateDriver(policies, self.clock).admit().error
    #expect(error?.code == .internalError)
    #expect(error?.message.contains("bulkhead \"app.Service/Call\"") == true)
  }

  @Test func twoMethodsThatShareAPolicyMustAgree() throws {
    let problem = #expect(throws: PolicyProblem.self) {
      try Sample.policies(self.clock) {
        Calls(Sample.call).rateLimit(1, as: "both")
        Calls(Sample.other).rateLimit(2, as: "both")
      }
    }
    #expect(
      problem?.fault.description
        == "rate_limit.rate is 1 at app.Service/Call, 2 at app.Service/Other; allowed: one value for all that share \"both\""
    )
  }

  @Test func theConfigurationOfOneMethodSetsThePolicyThatAllShare() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call, Sample.other).rateLimit(1, burst: 1, as: "both")
    }
    try policies.replaceConfiguration(by: self.configuration { Calls(Sample.call).rateLimit(burst: 4) })
    #expect(GateDriver(policies, self.clock).admit(10, Sample.other).admitted == 4)
    let lines = policies.effectivePolicy(of: Sample.other).lines.map { "\($0.key) \($0.value) \($0.origin)" }
    #expect(lines.contains("rate_limit.burst 4 policies.yaml (app.Service/Call)"))
  }

  @Test func retryAndHedgingExcludeEachOther() throws {
    #expect(throws: PolicyProblem.self) {
      try Sample.policies(self.clock) { Calls(Sample.call).retry().hedging() }
    }
  }
}
