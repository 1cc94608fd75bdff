import Bulwark
import BulwarkProtobuf
import BulwarkTestKit
import Testing

@testable import ConsensusService

/// Faults that a call asks for itself.
@Suite(.timeLimit(.minutes(1))) struct FaultMetadataTests {
  private let fixture = FaultFixture()

  @Test func aCallCanAskToFail() async {
    #expect(await self.fixture.status(["x-mock-fail-rate": "1"]) == .unavailable)
    #expect(
      await self.fixture.status(["x-mock-fail-rate": "1.0", "x-mock-fail-code": "DATA_LOSS"]) == .dataLoss
    )
    #expect(await self.fixture.status(["x-mock-fail-rate": "1", "x-mock-fail-code": "10"]) == .aborted)
    #expect(await self.fixture.status(["x-mock-fail-code": "ABORTED"]) == .ok)
    #expect(await self.fixture.status() == .ok)
  }

  @Test func aCallCanAskToWait() async {
    let call = Task { await self.fixture.status(["x-mock-latency-ms": "60000"]) }
    await self.fixture.clock.waitForSleepers()
    self.fixture.clock.advance(by: .milliseconds(59_999))
    #expect(self.fixture.clock.sleeperCount == 1)
    self.fixture.clock.advance(by: .milliseconds(1))
    #expect(await call.value == .ok)
  }

  @Test func whatACallAsksForStandsInForWhatIsSet() async throws {
    try self.fixture.set("GetStatus:next=1,latency=1s")
    let calm: Metadata = ["x-mock-fail-rate": "0", "x-mock-latency-ms": "0"]
    #expect(await self.fixture.statuses(3, calm) == [.ok, .ok, .ok])
    // The script has not moved on.
    #expect(await self.fixture.status(["x-mock-latency-ms": "0"]) == .unavailable)
    #expect(await self.fixture.status(["x-mock-latency-ms": "0"]) == .ok)
  }

  @Test(
    arguments: [
      ("x-mock-latency-ms", "60001", "0 to 60000, in whole milliseconds"),
      ("x-mock-latency-ms", "-1", "0 to 60000, in whole milliseconds"),
      ("x-mock-latency-ms", "1.5", "0 to 60000, in whole milliseconds"),
      ("x-mock-latency-ms", "99999999999999999999", "0 to 60000, in whole milliseconds"),
      ("x-mock-latency-ms", "", "0 to 60000, in whole milliseconds"),
      ("x-mock-fail-rate", "1.01", "0.0 to 1.0"),
      ("x-mock-fail-rate", "nan", "0.0 to 1.0"),
      ("x-mock-fail-rate", "80%", "0.0 to 1.0"),
      ("x-mock-fail-code", "OK", "a status code's name or its number, 1 to 16"),
      ("x-mock-fail-code", "17", "a status code's name or its number, 1 to 16"),
      ("x-mock-fail-code", "unavailable", "a status code's name or its number, 1 to 16"),
    ]
  )
  func whatIsNotAllowedIsInvalidArgument(key: String, value: String, allowed: String) async throws {
    try self.fixture.set("GetStatus:next=1")
    var options = CallOptions()
    options.metadata.add(value, for: key)
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.client.getStatus(GetStatusRequest(), options: options)
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == "\(key) is '\(value)'; allowed: \(allowed)")
    #expect(self.fixture.counts()?.refused == 1)
    #expect(self.fixture.faults.settings.map(\.description) == ["GetStatus:next=1"])
  }

  @Test func aKeyThatComesTwiceHasNoValue() async {
    var metadata: Metadata = ["x-mock-fail-rate": "1"]
    metadata.add("0", for: "x-mock-fail-rate")
    #expect(await self.fixture.status(metadata) == .invalidArgument)
  }

  @Test func aLongValueIsNotRepeatedInFull() throws {
    let error = #expect(throws: (any Error).self) {
      try FaultOverrides(["x-mock-fail-code": String(repeating: "a", count: 5_000)])
    }
    #expect("\(try #require(error))".contains("'\(String(repeating: "a", count: 40))…'"))
  }

  @Test func withoutMockFaultsTheMetadataMeansNothing() async throws {
    let client = ConsensusServiceClient(InProcessClient(to: InProcessServer { self.fixture.node }))
    var options = CallOptions()
    options.metadata = ["x-mock-fail-rate": "1", "x-mock-latency-ms": "bad"]
    #expect(try await client.getStatus(GetStatusRequest(), options: options).height == 0)
  }
}
