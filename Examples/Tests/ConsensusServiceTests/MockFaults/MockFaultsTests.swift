import Bulwark
import BulwarkProtobuf
import BulwarkTestKit
import Testing

@testable import ConsensusService

/// What is done to calls that are made.
@Suite(.timeLimit(.minutes(1))) struct MockFaultsTests {
  private let fixture = FaultFixture()

  @Test func nothingIsDoneUntilSomethingIsSet() async {
    #expect(await self.fixture.statuses(100).allSatisfy { $0 == .ok })
    #expect(
      self.fixture.counts()
        == .with {
          $0.method = "GetStatus"
          $0.calls = 100
        }
    )
    #expect(self.fixture.clock.sleeperCount == 0)
  }

  @Test func everyMethodOfTheServiceAndNoOtherCanHaveFaults() {
    var registry = ServiceRegistry()
    self.fixture.node.register(in: &registry)
    #expect(Set(MockFaults.methods) == Set(registry.entries.map(\.descriptor)))
    #expect(!self.fixture.faults.applies(to: MockControlMethods.setFaults.descriptor))
  }

  @Test func aShareOfTheCallsFailsAndASeedRepeatsIt() async throws {
    try self.fixture.set("GetStatus:fail=0.8")
    let codes = await self.fixture.statuses(1_000)
    #expect(codes.count { $0 == .unavailable } == 792)
    #expect(codes.count { $0 == .ok } == 208)
    #expect(self.fixture.counts()?.failed == 792)

    let again = FaultFixture()
    try again.set("GetStatus:fail=0.8")
    #expect(await again.statuses(1_000) == codes)
    let other = FaultFixture(seed: 2)
    try other.set("GetStatus:fail=0.8")
    #expect(await other.statuses(1_000) != codes)
  }

  @Test func exactlyTheNextCallsFail() async throws {
    try self.fixture.set("GetStatus:next=2,code=INTERNAL")
    #expect(await self.fixture.statuses(1) == [.internalError])
    #expect(self.fixture.faults.settings.map(\.description) == ["GetStatus:next=1,code=INTERNAL"])
    #expect(await self.fixture.statuses(4) == [.internalError, .ok, .ok, .ok])
    #expect(self.fixture.faults.settings.map(\.description) == ["GetStatus:code=INTERNAL"])
  }

  @Test func theFirstOfEverySoManyCallsFail() async throws {
    try self.fixture.set("GetStatus:first=2/3")
    let (no, ok) = (StatusCode.unavailable, StatusCode.ok)
    #expect(await self.fixture.statuses(8) == [no, no, ok, no, no, ok, no, no])
    try self.fixture.set("GetStatus:first=2/3")
    #expect(await self.fixture.statuses(3) == [no, no, ok])
  }

  @Test func aCallWaitsExactlyItsLatency() async throws {
    try self.fixture.set("GetStatus:latency=250ms")
    let call = Task { await self.fixture.status() }
    await self.fixture.clock.waitForSleepers()
    self.fixture.clock.advance(by: .milliseconds(250) - .nanoseconds(1))
    #expect(self.fixture.clock.sleeperCount == 1)
    self.fixture.clock.advance(by: .nanoseconds(1))
    #expect(self.fixture.clock.sleeperCount == 0)
    #expect(await call.value == .ok)
    #expect(self.fixture.counts()?.delayed == 1)
  }

  @Test func aFailureComesAfterItsLatency() async throws {
    try self.fixture.set("GetStatus:fail=1,latency=5ms")
    let call = Task { await self.fixture.status() }
    await self.fixture.clock.waitForSleepers()
    #expect(self.fixture.counts()?.failed == 0)
    self.fixture.clock.advance(by: .milliseconds(5))
    #expect(await call.value == .unavailable)
    #expect(self.fixture.counts()?.failed == 1)
  }

  @Test func aWaitEndsWhenTheCallIsCancelled() async throws {
    try self.fixture.set("GetStatus:latency=60s")
    let call = Task { await self.fixture.status() }
    await self.fixture.clock.waitForSleepers()
    call.cancel()
    #expect(await call.value == .cancelled)
    #expect(self.fixture.clock.sleeperCount == 0)
  }

  @Test func aHungCallEndsWhenItIsCancelled() async throws {
    try self.fixture.set("GetStatus:hang")
    let call = Task.immediate { await self.fixture.status() }
    #expect(self.fixture.counts()?.hung == 1)
    self.fixture.faults.clearAll()
    #expect(await self.fixture.status() == .ok)
    call.cancel()
    #expect(await call.value == .cancelled)
  }

  @Test func hungCallsDoNotHoldUpAStop() async throws {
    try self.fixture.set("GetStatus:hang")
    let call = Task.immediate { await self.fixture.status() }
    self.fixture.faults.stop()
    #expect(await call.value == .unavailable)
    #expect(await self.fixture.status() == .unavailable)
    self.fixture.faults.clearAll()
    #expect(await self.fixture.status() == .ok)
  }

  @Test func aHungStreamEndsWhenItsReaderGoes() async throws {
    try self.fixture.set("SubscribeEvents:hang")
    let reader = Task {
      for try await _ in self.fixture.client.subscribeEvents(SubscribeEventsRequest()) {}
    }
    reader.cancel()
    _ = await reader.result
    #expect(self.fixture.counts("SubscribeEvents")?.hung == 1)
  }

  @Test func verificationCostIsHashingAndTheAnswerStays() async throws {
    let block = self.fixture.node.proposal([[1], [2]]) { MockKey(publicKey: $0.publicKey) }?.block
    try self.fixture.set("*:hash=300")
    let answer = try await self.fixture.client.verifyBlock(.with { $0.block = block })
    #expect(answer.verdict == .accept)
    #expect(self.fixture.counts("VerifyBlock")?.hashRounds == 300)
    #expect(await self.fixture.status() == .ok)
    #expect(self.fixture.counts("GetStatus")?.hashRounds == 0)
  }

  @Test func hashingStopsWhenTheCallIsCancelled() async throws {
    try self.fixture.set("VerifyCommit:hash=10000000")
    let held = HeldUntilCancelled()
    let server = InProcessServer(interceptors: [held, self.fixture.faults]) { self.fixture.node }
    let client = ConsensusServiceClient(InProcessClient(to: server))
    let call = Task { try await client.verifyCommit(VerifyCommitRequest()) }
    for await _ in held.calls.prefix(1) { call.cancel() }
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .cancelled)
    await server.shutDown()
    let counts = try #require(self.fixture.counts("VerifyCommit"))
    #expect(counts.calls == 1 && counts.hashRounds == 0)
  }

  @Test func aChangeAppliesToTheNextCallAndNotToOneThatRuns() async throws {
    try self.fixture.set("GetStatus:latency=1s")
    let running = Task { await self.fixture.status() }
    await self.fixture.clock.waitForSleepers()
    try self.fixture.set("GetStatus:fail=1")
    #expect(await self.fixture.status() == .unavailable)
    self.fixture.clock.advance(by: .seconds(1))
    #expect(await running.value == .ok)
  }

  @Test func aMethodOfItsOwnFaultsIsExemptFromThoseOfAll() async throws {
    try self.fixture.set("*:fail=1", "GetStatus:none")
    #expect(await self.fixture.status() == .ok)
    await #expect(throws: RPCError.self) { try await self.fixture.client.getDuties(GetDutiesRequest()) }
    try self.fixture.faults.clear(["GetStatus"])
    #expect(await self.fixture.status() == .unavailable)
    self.fixture.faults.clearAll()
    #expect(await self.fixture.status() == .ok)
  }

  @Test func callsFromManyTasksTakeAScriptExactlyOnce() async throws {
    try self.fixture.set("GetStatus:next=40")
    let failures = await withTaskGroup(of: StatusCode.self) { tasks in
      for _ in 0..<100 { tasks.addTask { await self.fixture.status() } }
      return await tasks.reduce(0) { $0 + ($1 == .unavailable ? 1 : 0) }
    }
    #expect(failures == 40)
    #expect(self.fixture.counts()?.calls == 100)
  }
}

/// Says that a call has come, and lets it go on when it has been cancelled.
///
/// So no round is hashed, which would take one of the few threads that all tests share.
private struct HeldUntilCancelled: Interceptor {
  let calls: AsyncStream<Void>
  private let began: AsyncStream<Void>.Continuation

  init() {
    (self.calls, self.began) = AsyncStream.makeStream()
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.began.yield()
    let (never, end) = AsyncStream<Never>.makeStream()
    for await _ in never {}
    end.finish()
    return try await next(request)
  }
}
