import Bulwark
import BulwarkProtobuf
import Testing

@testable import ConsensusService

/// The service that changes the faults of a running node.
@Suite struct FaultControlTests {
  private let fixture = FaultFixture()

  @Test func faultsAreSetReadAndCleared() async throws {
    let faults = [
      MethodFaults.with {
        $0.method = "GetStatus"
        $0.script = .failNext(2)
      },
      .with {
        $0.method = "*"
        $0.failureRate = 1
        $0.failureCode = 13
      },
    ]
    _ = try await self.fixture.control.setFaults(.with { $0.faults = faults })
    #expect(await self.fixture.statuses(3) == [.unavailable, .unavailable, .ok])
    let report = try await self.fixture.control.getFaults(GetFaultsRequest())
    #expect(
      try report.faults.map { try FaultSetting($0).description } == [
        "*:fail=1.0,code=INTERNAL", "GetStatus:none",
      ]
    )
    #expect(report.counts.map(\.method) == ["GetStatus"])
    #expect(report.counts.first?.calls == 3)
    #expect(report.counts.first?.failed == 2)

    _ = try await self.fixture.control.clearFaults(.with { $0.methods = ["GetStatus"] })
    #expect(await self.fixture.status() == .internalError)
    _ = try await self.fixture.control.clearFaults(ClearFaultsRequest())
    #expect(await self.fixture.status() == .ok)
  }

  @Test func ifOneOfSeveralIsWrongNoneIsSet() async {
    let sound = MethodFaults.with {
      $0.method = "GetStatus"
      $0.hang = true
    }
    let wrong = MethodFaults.with {
      $0.method = "SubmitVote"
      $0.failureRate = 2
    }
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.control.setFaults(.with { $0.faults = [sound, wrong] })
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == "SubmitVote.failure_rate is 2.0; allowed: 0.0 to 1.0")
    let twice = await #expect(throws: RPCError.self) {
      try await self.fixture.control.setFaults(.with { $0.faults = [sound, sound] })
    }
    #expect(twice?.message == "method is GetStatus; allowed: each method once")
    #expect(self.fixture.faults.settings.isEmpty)
  }

  @Test func clearingAMethodThatIsNoneClearsNothing() async throws {
    try self.fixture.set("GetStatus:fail=1")
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.control.clearFaults(.with { $0.methods = ["GetStatus", "Nothing"] })
    }
    #expect(error?.code == .invalidArgument)
    #expect(await self.fixture.status() == .unavailable)
  }
}
