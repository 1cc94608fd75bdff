import BulwarkCore
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkTransport

/// Each fault alone: what it does to a call, so that the rounds of `ChaosTests` prove something.
@Suite(.timeLimit(.minutes(1))) struct ChaosProxyTests {
  private static let timeout = Duration.milliseconds(100)

  /// A server, a client that reaches it through a proxy, and the proxy.
  private func withProxy(_ body: (Client, ChaosProxy) async throws -> Void) async throws {
    try await withServer(ByteService()) { _, endpoint in
      let proxy = try await ChaosProxy(to: endpoint)
      try await withClient(of: proxy.endpoint) { try await body($0, proxy) }
      try await proxy.close()
    }
  }

  private func code(of call: () async throws -> Void) async throws -> StatusCode {
    do {
      try await call()
      return .ok
    } catch let error as RPCError {
      return error.code
    }
  }

  @Test func withoutAFaultEverythingPasses() async throws {
    try await self.withProxy { client, proxy in
      let large = String(repeating: "x", count: 1 << 20)
      let answer = try await client.echo(large)
      #expect(answer == large)
      #expect(try await proxy.connectionCount == 1)
    }
  }

  @Test func aDelayIsAddedEachWayAndChangesNothingElse() async throws {
    try await self.withProxy { client, proxy in
      try await client.expectEcho("before")
      try await proxy.begin(.delay(.milliseconds(30)))
      let started = ContinuousClock.now
      try await client.expectEcho("late")
      #expect(started.duration(to: .now) >= .milliseconds(60))
    }
  }

  @Test func aConnectionOfOneByteInTenMillisecondsIsServed() async throws {
    try await self.withProxy { client, proxy in
      try await proxy.begin(.dribble)
      try await client.expectEcho("s l o w")
    }
  }

  @Test(arguments: [ChaosFault.cut(afterBytes: 30), .reset(afterBytes: 30)])
  func aBrokenConnectionFailsItsCallsAndTheNextOneServes(fault: ChaosFault) async throws {
    try await self.withProxy { client, proxy in
      try await client.expectEcho("before")
      try await proxy.begin(fault)
      let code = try await self.code { _ = try await client.echo("broken") }
      #expect(code == .unavailable)
      try await proxy.heal()
      let answer = try await client.echo("after", options: CallOptions(waitForReady: true))
      #expect(answer == "after")
    }
  }

  @Test func acrossAHalfOpenConnectionACallEndsAtItsDeadline() async throws {
    try await self.withProxy { client, proxy in
      try await client.expectEcho("before")
      try await proxy.begin(.halfOpen(afterBytes: 0))
      let started = ContinuousClock.now
      let code = try await self.code {
        _ = try await client.echo("lost", options: CallOptions(timeout: Self.timeout))
      }
      #expect(code == .deadlineExceeded)
      #expect(started.duration(to: .now) >= Self.timeout)
      #expect(try await proxy.connectionCount == 1)
      try await proxy.heal()
    }
  }

  @Test func aSeedGivesTheSameFaultsAgain() {
    var first = SeededGenerator(seed: 7)
    var second = SeededGenerator(seed: 7)
    let faults = (0..<100).map { _ in ChaosFault.random(using: &first) }
    #expect(faults == (0..<100).map { _ in ChaosFault.random(using: &second) })
    #expect(Set(faults).count > 50)
  }
}
