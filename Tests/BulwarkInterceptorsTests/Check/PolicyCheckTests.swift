import BulwarkCore
import BulwarkInterceptors
import Testing

/// Arrangements that are known to be bad.
struct PolicyCheckTests {
  private static let safe = MethodDescriptor(
    service: "app.Service",
    method: "Call",
    kind: .unary,
    idempotency: .idempotent
  )
  private static let health = MethodDescriptor(
    service: "grpc.health.v1.Health",
    method: "Check",
    kind: .unary
  )

  private func findings(_ calls: Calls, of method: MethodDescriptor = Self.safe, streamLimit: Int? = 100)
    throws
    -> [ProtectionFinding]
  {
    try Policies(code: PolicySet { calls }).findings(for: [method], streamLimit: streamLimit)
  }

  @Test func aBreakerOnTheHealthServiceIsRefused() throws {
    let found = try self.findings(Calls(toService: "grpc.health.v1.Health").circuitBreaker(), of: Self.health)
    #expect(found.map(\.isFatal) == [true])
    #expect(found.first?.description.contains("hides a server that has recovered") == true)
  }

  @Test func anAttemptThatMayTakeLongerThanTheWholeIsRefusedWithItsOrigin() throws {
    let found = try self.findings(Calls.all.timeout(.seconds(1)).attemptTimeout(.seconds(2)))
    #expect(
      found.map(\.description) == [
        "app.Service/Call: attempt_timeout from code (*): an attempt may take 2s, and all attempts together 1s. "
          + "Remedy: make attempt_timeout shorter than timeout."
      ]
    )
    #expect(found.first?.isFatal == true)
  }

  @Test func hedgingOfAMethodThatMayNotBearItIsRefusedAndRetryIsWarnedOf() throws {
    #expect(try self.findings(Calls.all.hedging(), of: Sample.call).map(\.isFatal) == [true])
    #expect(try self.findings(Calls.all.retry(), of: Sample.call).map(\.isFatal) == [false])
    #expect(try self.findings(Calls.all.hedging()).isEmpty)
    #expect(try self.findings(Calls.all.retry()).isEmpty)
  }

  @Test func aBulkheadThatAConnectionCannotFillIsWarnedOf() throws {
    #expect(try self.findings(Calls.all.bulkhead(80, queue: 20)).isEmpty)
    let found = try self.findings(Calls.all.bulkhead(80, queue: 21))
    #expect(found.map(\.isFatal) == [false])
    #expect(found.first?.message.contains("room for 101 calls, and a connection may have 100 open") == true)
    #expect(try self.findings(Calls.all.bulkhead(80, queue: 21), streamLimit: nil).isEmpty)
  }

  @Test func aLimiterWithoutTokensForTheAttemptsOfOneCallIsWarnedOf() throws {
    let found = try self.findings(Calls.all.retry(attempts: 5).rateLimit(10, burst: 4))
    #expect(found.map(\.isFatal) == [false])
    #expect(try self.findings(Calls.all.retry(attempts: 5).rateLimit(10, burst: 5)).isEmpty)
  }

  @Test func delaysThatDoNotFitIntoTheTimeAreWarnedOf() throws {
    let calls = Calls.all.retry(attempts: 4, initialBackoff: .seconds(1))
    #expect(try self.findings(calls.timeout(.seconds(7))).isEmpty)
    let found = try self.findings(calls.timeout(.seconds(6)))
    #expect(found.first?.message.contains("add up to 7s, and the call may take 6s") == true)
  }

  @Test func aProbeLeaseThatIsShorterThanTheCallIsWarnedOf() throws {
    let found = try self.findings(Calls.all.circuitBreaker().timeout(.seconds(40)))
    #expect(found.first?.message.contains("probe_lease") == true)
    #expect(try self.findings(Calls.all.circuitBreaker().timeout(.seconds(20))).isEmpty)
  }

  @Test func aQueueBeforeAServersLimiterIsWarnedOf() throws {
    let calls = Calls.all.rateLimit(10, burst: 10, at: .server).with { $0.rateLimit?.queueLimit = 5 }
    #expect(try self.findings(calls).first?.message.contains("no call waits for a token") == true)
  }

  @Test func whatIsOffIsNotChecked() throws {
    let calls = Calls.all.hedging().circuitBreaker(mode: .off).with { $0.hedging?.mode = .off }
    #expect(try self.findings(calls, of: Sample.call).isEmpty)
  }
}
