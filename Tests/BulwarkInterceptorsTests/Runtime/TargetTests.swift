import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import Testing

/// What a program keeps of the targets that its clients call.
struct TargetTests {
  private let clock = VirtualClock()

  private func policies() throws -> Policies {
    try Sample.policies(self.clock) {
      Calls(Sample.call).circuitBreaker(minimumCalls: 1).retry(attempts: 2).bulkhead(9, at: .client)
    }
  }

  private func driver(_ policies: Policies, _ target: String, _ answer: ScriptedInvoker.Answer = .ok)
    -> ClientDriver
  {
    ClientDriver(policies, ScriptedInvoker(self.clock, answer), self.clock, target: target)
  }

  @Test func tenThousandTargetsThatWereCalledOnceLeaveABoundedNumberOfPolicies() async throws {
    let policies = try self.policies()
    let lasting = self.driver(policies, "lasting")
    #expect(await lasting.code() == .ok)
    for number in 0..<10_000 {
      #expect(await self.driver(policies, "target \(number)").code() == .ok)
    }
    let stats = policies.manager.stats
    for count in [stats.circuitBreakers.count, stats.bulkheads.count, stats.retries.count] {
      #expect(count == 256 + 1)
    }
    #expect(stats.bulkheads["app.Service/Call@lasting"]?.admitted == 1)
    #expect(stats.bulkheads["app.Service/Call@target 9999"] != nil)
  }

  @Test func aClientThatIsMadeAnewForEachCallStillOpensItsCircuit() async throws {
    let policies = try self.policies()
    #expect(await self.driver(policies, "a", .fails(.internalError)).code() == .internalError)
    #expect(await self.driver(policies, "a").code() == .unavailable)
    #expect(policies.manager.stats.circuitBreakers["app.Service/Call@a"]?.state == .open)
  }

  @Test func whatIsForgottenIsTheTargetsAlone() async throws {
    let policies = try self.policies()
    let other = self.driver(policies, "a@b", .fails(.internalError))
    _ = await other.code()
    _ = await self.driver(policies, "b").code()
    for number in 0..<256 { _ = await self.driver(policies, "target \(number)").code() }
    #expect(policies.manager.stats.circuitBreakers["app.Service/Call@b"] == nil)
    #expect(policies.manager.stats.circuitBreakers["app.Service/Call@a@b"]?.state == .open)
  }

  @Test func aTargetIsKeptWhileAnyClientOfItIsThere() async throws {
    let policies = try self.policies()
    let one = self.driver(policies, "a", .fails(.internalError))
    _ = await one.code()
    for number in 0..<1_000 {
      _ = await self.driver(policies, "target \(number)").code()
      _ = self.driver(policies, "a")
    }
    #expect(await one.code() == .unavailable)
  }
}
