import BulwarkCore
import BulwarkInterceptors
import BulwarkProtobuf
import BulwarkResilience
import BulwarkTestKit
import Testing

/// What a client's attempts take of circuit breaker, limiter and bulkhead.
struct AttemptPolicyTests {
  private let clock = VirtualClock()

  private func client(_ answer: ScriptedInvoker.Answer, _ calls: Calls, target: String = "server") throws
    -> ClientDriver
  {
    let policies = try Sample.policies(self.clock) { calls }
    return ClientDriver(policies, ScriptedInvoker(self.clock, answer), self.clock, target: target)
  }

  @Test func anOpenCircuitRefusesAtOnceAndAsksNobody() async throws {
    let client = try self.client(.fails(.unavailable), Calls(Sample.call).circuitBreaker(minimumCalls: 10))
    for _ in 0..<10 { _ = await client.code() }
    let error = await #expect(throws: RPCError.self) { try await client.call() }
    #expect(error?.code == .unavailable)
    #expect(error?.origin == .policy)
    #expect(error?.detail(ErrorInfo.self)?.reason == "CIRCUIT_OPEN")
    #expect(client.server.asked.count == 10)
  }

  @Test func eachTargetHasACircuitOfItsOwn() async throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).circuitBreaker(minimumCalls: 1) }
    let bad = ClientDriver(
      policies,
      ScriptedInvoker(self.clock, .fails(.unavailable)),
      self.clock,
      target: "a"
    )
    let good = ClientDriver(policies, ScriptedInvoker(self.clock, .ok), self.clock, target: "b")
    for _ in 0..<5 { _ = await bad.code() }
    #expect(await good.code() == .ok)
    #expect(
      policies.manager.stats.circuitBreakers.mapValues(\.state) == [
        "app.Service/Call@a": .open, "app.Service/Call@b": .closed,
      ]
    )
  }

  @Test func whatThisSideRefusesOrCancelsIsNoFailureOfTheServer() async throws {
    let client = try self.client(
      .fails(.unavailable, [:], .policy),
      Calls(Sample.call).circuitBreaker(minimumCalls: 1)
    )
    for _ in 0..<20 { _ = await client.code() }
    #expect(client.server.asked.count == 20)
    client.server.script(.fails(.cancelled, [:], .local))
    for _ in 0..<20 { _ = await client.code() }
    #expect(client.server.asked.count == 40)
  }

  @Test func eachAttemptIsJudgedAndRetryDoesNotSleepThroughAnOpenCircuit() async throws {
    let client = try self.client(
      .fails(.unavailable),
      Calls(Sample.call).circuitBreaker(failureThreshold: 0.5, minimumCalls: 2, breakDuration: .seconds(60))
        .retry(attempts: 5)
    )
    let code = await self.clock.skipping { await client.code(timeout: .seconds(10)) }
    #expect(code == .unavailable)
    #expect(client.server.asked.count == 2)
    #expect(policies(of: client).retries["app.Service/Call@server"]?.gaveUpCircuitOpen == 1)
  }

  private func policies(of client: ClientDriver) -> ManagerStats { client.policies.manager.stats }

  @Test func aClientWaitsForATokenWhereItsQueueAllowsIt() async throws {
    let client = try self.client(
      .ok,
      Calls(Sample.call).rateLimit(10, burst: 1).with { $0.rateLimit?.queueLimit = 5 }
    )
    let start = self.clock.now
    _ = await client.code()
    let code = await self.clock.skipping { await client.code() }
    #expect(code == .ok)
    #expect(client.server.asked.map { start.duration(to: $0.at) } == [.zero, .milliseconds(100)])
  }

  @Test func aWaitThatCannotEndInTimeIsRefusedAtOnce() async throws {
    let client = try self.client(
      .ok,
      Calls(Sample.call).rateLimit(1, burst: 1).with { $0.rateLimit?.queueLimit = 5 }
    )
    _ = await client.code()
    #expect(await client.code(timeout: .milliseconds(10)) == .resourceExhausted)
    #expect(client.server.asked.count == 1)
  }

  @Test func twentyCallsAtABulkheadOfFiveRunFiveAtATime() async throws {
    let gate = Gate()
    let client = try self.client(.held(gate), Calls(Sample.call).bulkhead(5, queue: 20))
    let codes = await withTaskGroup(of: StatusCode.self) { group in
      for _ in 0..<20 { group.addTask { await client.code() } }
      group.addTask {
        while policies(of: client).bulkheads["app.Service/Call@server"]?.waiting != 15 { await Task.yield() }
        gate.open()
        return .ok
      }
      return await group.reduce(into: [StatusCode: Int]()) { $0[$1, default: 0] += 1 }
    }
    #expect(codes == [.ok: 21])
    #expect(client.server.mostRunning == 5)
    #expect(policies(of: client).bulkheads["app.Service/Call@server"]?.inUse == 0)
  }

  @Test func aPolicyInShadowLetsEverythingThroughAndCounts() async throws {
    let client = try self.client(
      .fails(.unavailable),
      Calls(Sample.call).circuitBreaker(minimumCalls: 2, mode: .shadow).rateLimit(1, burst: 1, mode: .shadow)
    )
    for _ in 0..<10 { _ = await client.code() }
    #expect(client.server.asked.count == 10)
    #expect(policies(of: client).circuitBreakers["app.Service/Call@server"]?.totals.rejections == 8)
    #expect(policies(of: client).rateLimiters["app.Service/Call@server"]?.refused == 9)
  }

  @Test func aMethodWithoutPoliciesGoesStraightThrough() async throws {
    let client = try self.client(.ok, Calls(Sample.call).rateLimit(1, burst: 1))
    for _ in 0..<10 { #expect(await client.code(Sample.other) == .ok) }
  }

  @Test func aSlowAttemptGetsAnotherOneBesideItAndTheFirstAnswerCounts() async throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).hedging(attempts: 2, delay: .milliseconds(50))
    }
    let server = ScriptedInvoker(self.clock, .after(.seconds(10)), .ok)
    let client = ClientDriver(policies, server, self.clock)
    let code = await self.clock.skipping(to: .milliseconds(50)) { await client.code() }
    #expect(code == .ok)
    #expect(server.asked.count == 2)
    #expect(server.running == 0)
    #expect(policies.manager.stats.hedges["app.Service/Call@server"]?.wonByHedge == 1)
  }

  @Test func waitForReadyComesFromThePolicyUnlessTheCallAsksForIt() async throws {
    let client = try self.client(.ok, Calls(Sample.call).waitForReady())
    _ = await client.code()
    #expect(client.server.asked.map(\.options.waitForReady) == [true])
  }
}
