import Testing

/// Calls in memory and calls over a socket: the same scenes, seen alike.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConformanceTests {
  @Test(
    arguments: TransportScenario.answers + TransportScenario.metadata + TransportScenario.endings
      + TransportScenario.protections + TransportScenario.limits + TransportScenario.misuses
  )
  func aCallIsTheSameInMemoryAsOverASocket(scenario: TransportScenario) async throws {
    async let inProcess = scenario.inProcess()
    let overSocket = try await scenario.overSocket()
    #expect(!overSocket.isEmpty)
    #expect(try await inProcess == overSocket)
  }
}
