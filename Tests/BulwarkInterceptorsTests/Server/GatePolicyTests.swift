import BulwarkCore
import BulwarkInterceptors
import BulwarkProtobuf
import BulwarkResilience
import BulwarkTestKit
import Testing

/// What a server's policies decide about arriving calls. The numbers are those of the mock ConsensusService.
struct GatePolicyTests {
  private let clock = VirtualClock()

  @Test func aLimiterAdmitsItsBurstAndThenItsRate() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(10, burst: 100) }
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(150).admitted == 100)
    self.clock.advance(by: .seconds(1))
    #expect(gate.admit(150).admitted == 10)
    self.clock.advance(by: .seconds(100))
    #expect(gate.admit(150).admitted == 100)
  }

  @Test func aRefusedCallIsToldByWhomAndWhenToComeBack() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(10, burst: 1, as: "votes") }
    let gate = GateDriver(policies, self.clock)
    _ = gate.admit()
    let error = try #require(gate.admit().error)
    #expect(error.code == .resourceExhausted)
    #expect(error.origin == .policy)
    #expect(error.metadata["grpc-retry-pushback-ms"] == "100")
    #expect(error.detail(RetryInfo.self)?.retryDelay == ProtobufDuration(.milliseconds(100)))
    let info = try #require(error.detail(ErrorInfo.self))
    #expect(info.reason == "RATE_LIMITED")
    #expect(info.domain == "bulwark.policy")
    #expect(info.metadata == ["policy": "votes", "kind": "rateLimiter"])
  }

  @Test func aCircuitOpensAtItsShareOfFailuresAndLetsOneProbeThroughAfterItsBreak() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).circuitBreaker(failureThreshold: 0.3, minimumCalls: 10, breakDuration: .seconds(30))
        .with { $0.circuitBreaker?.successThreshold = 1 }
    }
    let gate = GateDriver(policies, self.clock)
    for _ in 0..<7 { gate.admit().end(.ok) }
    for _ in 0..<3 { gate.admit().end(.unavailable) }
    let error = try #require(gate.admit().error)
    #expect(error.code == .unavailable)
    #expect(error.metadata["grpc-retry-pushback-ms"] == "30000")
    self.clock.advance(by: .seconds(30))
    let both = gate.admit(2)
    #expect(both.admitted == 1)
    both[0].end(.ok)
    #expect(gate.admit(5).admitted == 5)
  }

  @Test func nineFailuresOfNineOpenNoCircuitThatWantsTen() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).circuitBreaker(failureThreshold: 0.3, minimumCalls: 10)
    }
    let gate = GateDriver(policies, self.clock)
    for _ in 0..<9 { gate.admit().end(.internalError) }
    #expect(gate.admit().isAdmitted)
  }

  @Test(arguments: [
    StatusCode.ok, .invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .permissionDenied,
    .unauthenticated, .unimplemented, .outOfRange, .cancelled, .aborted, .resourceExhausted,
  ])
  func whatIsNoFailureOpensNoCircuit(code: StatusCode) throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).circuitBreaker(minimumCalls: 1) }
    let gate = GateDriver(policies, self.clock)
    for _ in 0..<20 { gate.admit().end(code) }
    #expect(gate.admit().isAdmitted)
  }

  @Test func aCallThatHadNoFairTimeSaysNothingByExceedingIt() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).circuitBreaker(minimumCalls: 1) }
    let gate = GateDriver(policies, self.clock)
    let short = gate.admit(within: .milliseconds(50))
    self.clock.advance(by: .milliseconds(50))
    short.end(.deadlineExceeded)
    let fair = gate.admit(within: .milliseconds(200))
    #expect(fair.isAdmitted)
    self.clock.advance(by: .milliseconds(200))
    fair.end(.deadlineExceeded)
    #expect(gate.admit().error?.code == .unavailable)
  }

  @Test func aBulkheadRunsSoManyQueuesSoManyAndRefusesTheRest() async throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).bulkhead(50, queue: 20) }
    let gate = GateDriver(policies, self.clock)
    let calls = gate.admit(100)
    #expect(calls.admitted == 50)
    #expect(calls.waiting == 20)
    #expect(calls.rejected == 30)
    #expect(calls.last?.error?.code == .resourceExhausted)
    calls[0].end()
    let permit = try await calls[50].wait()
    #expect(permit != nil)
  }

  @Test func aCallThatLeavesTheQueueUnservedGivesItsPlaceToTheNext() async throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).bulkhead(1, queue: 1) }
    let gate = GateDriver(policies, self.clock)
    let running = gate.admit()
    do {
      let gone = gate.admit()
      #expect(gone.isWaiting)
      #expect(gate.admit().error != nil)
    }
    let next = gate.admit()
    #expect(next.isWaiting)
    running.end()
    try await next.wait()?.settle(.answered(.ok))
    #expect(policies.manager.stats.bulkheads["app.Service/Call"]?.inUse == 0)
    #expect(policies.manager.stats.bulkheads["app.Service/Call"]?.waiting == 0)
  }

  @Test func whatALaterPolicyRefusesCostsTheEarlierOnesNothing() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).circuitBreaker(minimumCalls: 1).rateLimit(1, burst: 2).bulkhead(1, queue: 0)
    }
    let gate = GateDriver(policies, self.clock)
    let first = gate.admit()
    for _ in 0..<10 { #expect(gate.admit().error?.detail(ErrorInfo.self)?.reason == "BULKHEAD_FULL") }
    first.end()
    #expect(gate.admit().isAdmitted)
    #expect(gate.admit().error?.detail(ErrorInfo.self)?.reason == "RATE_LIMITED")
  }

  @Test func aCallThatAnotherGateRejectsGivesAllBack() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).rateLimit(1, burst: 1).bulkhead(1, queue: 0)
    }
    let gate = GateDriver(policies, self.clock)
    for _ in 0..<3 {
      guard case .holding(let permit) = gate.admit() else {
        Issue.record("nothing was given back")
        return
      }
      permit.settle(.withdrawn)
    }
  }

  @Test func aPolicyInShadowDecidesAndCountsAndLetsEverythingThrough() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call)
        .rateLimit(1, burst: 1, mode: .shadow)
        .bulkhead(1, queue: 0, mode: .shadow)
        .circuitBreaker(minimumCalls: 1, mode: .shadow)
    }
    let gate = GateDriver(policies, self.clock)
    let calls = gate.admit(5)
    #expect(calls.admitted == 5)
    for call in calls { call.end(.internalError) }
    #expect(gate.admit(5).admitted == 5)
    let stats = policies.manager.stats
    #expect(stats.rateLimiters["app.Service/Call"]?.refused == 9)
    #expect(stats.bulkheads["app.Service/Call"]?.refused.total == 8)
    #expect(stats.circuitBreakers["app.Service/Call"]?.totals.rejections == 5)
  }

  @Test func methodsThatNameOnePolicyShareIt() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).rateLimit(1, burst: 3, as: "both")
      Calls(Sample.other).rateLimit(as: "both")
    }
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(2, Sample.call).admitted == 2)
    #expect(gate.admit(2, Sample.other).admitted == 1)
    #expect(policies.manager.stats.rateLimiters.keys.sorted() == ["both"])
  }

  @Test func eachPeerHasAPolicyOfItsOwnWhateverItsPort() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(1, burst: 1, per: .peer) }
    let gate = GateDriver(policies, self.clock)
    #expect(gate.admit(from: "ipv4:10.0.0.1:1").isAdmitted)
    #expect(!gate.admit(from: "ipv4:10.0.0.1:2").isAdmitted)
    #expect(gate.admit(from: "ipv4:10.0.0.2:1").isAdmitted)
    #expect(gate.admit(from: "ipv6:[::1]:1").isAdmitted)
  }

  @Test func whoeverOwesIsNotForgottenForFreshPeers() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).rateLimit(1, burst: 1, per: .peer).with { $0.rateLimit?.maximumPeers = 4 }
    }
    let gate = GateDriver(policies, self.clock)
    for peer in 0..<4 { #expect(gate.admit(from: "ipv4:10.0.0.\(peer):1").isAdmitted) }
    // All places are taken by debtors: the others share one policy.
    #expect(gate.admit(from: "ipv4:10.0.1.1:1").isAdmitted)
    #expect(!gate.admit(from: "ipv4:10.0.1.2:1").isAdmitted)
    for peer in 0..<4 { #expect(!gate.admit(from: "ipv4:10.0.0.\(peer):1").isAdmitted) }
    #expect(policies.manager.stats.rateLimiters.count == 5)
    self.clock.advance(by: .seconds(1))
    #expect(gate.admit(from: "ipv4:10.0.1.2:1").isAdmitted)
    #expect(policies.manager.stats.rateLimiters.count == 5)
  }

  @Test func everyOneOfManyPeersHasItsOwnLimitHoweverManyCallInTurn() throws {
    let policies = try Sample.policies(self.clock) {
      Calls(Sample.call).rateLimit(0.001, burst: 2, per: .peer, at: .server)
    }
    let gate = GateDriver(policies, self.clock)
    // Three rounds, so that each peer comes again after plans have been dropped.
    for round in 0..<3 {
      for peer in 0..<3_000 {
        let answer = gate.admit(from: "ipv4:10.0.\(peer / 250).\(peer % 250):1")
        #expect(answer.isAdmitted == (round < 2))
        if round == 2 { #expect(answer.error?.code == .resourceExhausted) }
      }
    }
  }

  @Test func aServersTimeLimitIsTheMethodsTimeout() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).timeout(.seconds(2)) }
    func deadline(_ method: MethodDescriptor, _ given: Duration?) -> MonotonicInstant? {
      var call = ArrivingCall(
        method: method,
        peer: Peer(address: "test"),
        arrival: self.clock.now,
        deadline: given.map { self.clock.now.advanced(by: $0) }
      )
      _ = policies.gate.bound(to: method).admit(&call)
      return call.deadline
    }
    let inTwoSeconds = self.clock.now.advanced(by: .seconds(2))
    #expect(deadline(Sample.call, nil) == inTwoSeconds)
    #expect(deadline(Sample.call, .seconds(9)) == inTwoSeconds)
    #expect(deadline(Sample.call, .seconds(1)) == self.clock.now.advanced(by: .seconds(1)))
    #expect(deadline(Sample.other, nil) == nil)
  }

  @Test func aPolicyOfTheOtherSideIsNotThere() throws {
    let policies = try Sample.policies(self.clock) { Calls(Sample.call).rateLimit(1, burst: 1, at: .client) }
    #expect(GateDriver(policies, self.clock).admit(10).admitted == 10)
    #expect(policies.manager.stats.rateLimiters.isEmpty)
  }
}
