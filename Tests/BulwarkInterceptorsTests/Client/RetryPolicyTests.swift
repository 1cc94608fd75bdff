import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import NIOCore
import Testing

/// Retries of a client (gRFC A6).
struct RetryPolicyTests {
  private let clock = VirtualClock()

  private func client(_ answers: ScriptedInvoker.Answer..., annotations: (Calls) -> Calls = { $0 }) throws
    -> ClientDriver
  {
    let server = ScriptedInvoker(self.clock, answers)
    let policies = try Sample.policies(self.clock) {
      annotations(
        Calls(Sample.call).retry(attempts: 3, initialBackoff: .milliseconds(100)).with {
          $0.retry?.jitter = 0
        }
      )
    }
    return ClientDriver(policies, server, self.clock)
  }

  /// Makes a call whose sleeps the clock skips.
  private func run(_ client: ClientDriver, timeout: Duration? = nil) async -> StatusCode {
    await self.clock.skipping { await client.code(timeout: timeout) }
  }

  @Test func theThirdAttemptSucceedsAfterTheDelaysOfTheBackoff() async throws {
    let client = try self.client(.fails(.unavailable), .fails(.unavailable), .ok)
    let start = self.clock.now
    #expect(await self.run(client) == .ok)
    #expect(
      client.server.asked.map { start.duration(to: $0.at) } == [
        .zero, .milliseconds(100), .milliseconds(300),
      ]
    )
    #expect(client.server.asked.map(\.message) == ["m", "m", "m"])
  }

  @Test func eachAttemptSaysHowManyWentBeforeIt() async throws {
    let client = try self.client(.fails(.unavailable), .fails(.unavailable), .ok)
    _ = await self.run(client)
    #expect(
      client.server.asked.map { $0.options.metadata.values(for: "grpc-previous-rpc-attempts") } == [
        [], ["1"], ["2"],
      ]
    )
  }

  @Test func theLastErrorStandsWhenTheAttemptsAreUsedUp() async throws {
    let client = try self.client(.fails(.unavailable))
    #expect(await self.run(client) == .unavailable)
    #expect(client.server.asked.count == 3)
  }

  @Test(arguments: [
    StatusCode.invalidArgument, .internalError, .cancelled, .deadlineExceeded, .resourceExhausted,
  ])
  func aCodeThatIsNotRetryableStands(code: StatusCode) async throws {
    let client = try self.client(.fails(code))
    #expect(await self.run(client) == code)
    #expect(client.server.asked.count == 1)
  }

  @Test func aPushbackTakesThePlaceOfTheDelay() async throws {
    let client = try self.client(.fails(.resourceExhausted, ["grpc-retry-pushback-ms": "750"]), .ok)
    let start = self.clock.now
    #expect(await self.run(client) == .ok)
    #expect(client.server.asked.map { start.duration(to: $0.at) } == [.zero, .milliseconds(750)])
  }

  @Test(arguments: ["-1", "soon", "", "3000000000"])
  func aPushbackThatIsNoTimeEndsTheAttempts(text: String) async throws {
    let client = try self.client(.fails(.unavailable, ["grpc-retry-pushback-ms": text]))
    #expect(await self.run(client) == .unavailable)
    #expect(client.server.asked.count == 1)
  }

  @Test func noAttemptStartsAfterTheDeadline() async throws {
    let client = try self.client(.fails(.unavailable))
    #expect(await self.run(client, timeout: .milliseconds(250)) == .unavailable)
    #expect(client.server.asked.count == 2)
  }

  @Test func theDeadlineSpansAllAttempts() async throws {
    let client = try self.client(.fails(.unavailable), .ok) { $0.timeout(.seconds(1)) }
    let start = self.clock.now
    #expect(await self.run(client) == .ok)
    let end = start.advanced(by: .seconds(1))
    #expect(client.server.asked.map(\.options.deadline) == [end, end])
  }

  @Test func anAttemptThatExceedsItsOwnTimeIsMadeAgain() async throws {
    let client = try self.client(.after(.seconds(5)), .ok) { $0.attemptTimeout(.milliseconds(200)) }
    let start = self.clock.now
    #expect(await self.run(client) == .ok)
    #expect(client.server.asked.map { start.duration(to: $0.at) } == [.zero, .milliseconds(300)])
  }

  @Test func aTimeoutOfTheCallersIsNotMadeAgain() async throws {
    let client = try self.client(.after(.seconds(5))) { $0.attemptTimeout(.seconds(2)) }
    #expect(await self.run(client, timeout: .seconds(1)) == .deadlineExceeded)
    #expect(client.server.asked.count == 1)
  }

  @Test func aCancelledCallStopsWaitingForItsNextAttempt() async throws {
    let client = try self.client(.fails(.unavailable))
    let call = Task { await client.code() }
    await self.clock.waitForSleepers(1)
    call.cancel()
    #expect(await call.value == .cancelled)
    #expect(client.server.asked.count == 1)
  }

  @Test func whatACallInsideAHandlerThatServesARepeatedCallDoesIsNotRepeated() async throws {
    let client = try self.client(.fails(.unavailable))
    let context = CallContext(
      method: Sample.other,
      metadata: ["grpc-previous-rpc-attempts": "1", "bulwark-attempt-depth": "2"],
      peer: Peer(address: "caller"),
      deadline: nil,
      time: self.clock.timeSource
    )
    let code = await CallContext.$current.withValue(context) { await client.code() }
    #expect(code == .unavailable)
    #expect(client.server.asked.map { $0.options.metadata["bulwark-attempt-depth"] } == ["3"])
  }

  @Test func everyCallFeedsTheBudgetAndNoneIsRetriedWhenItIsSpent() async throws {
    let client = try self.client(.fails(.unavailable)) { calls in
      calls.with {
        $0.retryBudget = RetryBudgetPolicy()
        $0.retryBudget?.maximumTokens = 4
        $0.retryBudget?.tokenRatio = 0.1
      }
    }
    #expect(await self.run(client) == .unavailable)
    // Two failures of four tokens: not more than half is left.
    #expect(client.server.asked.count == 2)
    #expect(await self.run(client) == .unavailable)
    #expect(client.server.asked.count == 3)
  }

  @Test func callsThatTwoInterceptorsWouldRetryAreRefusedWithTheRemedy() async throws {
    let server = ScriptedInvoker(self.clock, .ok)
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).retry(attempts: 3) }
    let invoker = InterceptedInvoker(
      server,
      interceptors: [policies.clientInterceptor(to: "server"), policies.clientInterceptor(to: "server")],
      peer: Peer(address: "server"),
      time: self.clock.timeSource
    )
    let error = await #expect(throws: RPCError.self) {
      try await invoker.unary(Sample.call, ByteBuffer(string: "m"), CallOptions())
    }
    #expect(error?.code == .internalError && error?.origin == .policy)
    #expect(error?.message.contains("app.Service/Call") == true)
    #expect(error?.message.contains("Remedy: keep one at the level `reissue`") == true)
    #expect(server.asked.isEmpty)
  }

  @Test func aRetryPolicyThatIsOffMakesNoAttempts() async throws {
    let client = try self.client(.fails(.unavailable)) { $0.with { $0.retry?.mode = .off } }
    #expect(await self.run(client) == .unavailable)
    #expect(client.server.asked.count == 1)
  }
}
