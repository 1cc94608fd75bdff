import Bulwark
import BulwarkTestKit
import Testing

@testable import ConsensusService

@Suite struct FaultMachineTests {
  @Test func latenciesAreDrawnFromTheWholeRangeAndNothingElse() throws {
    var machine = FaultMachine()
    machine.set(try FaultSetting("GetStatus:latency=1us-4us"))
    var generator = SeededGenerator(seed: 1)
    var drawn: [Duration: Int] = [:]
    for _ in 0..<1_000 {
      drawn[machine.decide("GetStatus", FaultOverrides(), using: &generator).latency, default: 0] += 1
    }
    #expect(drawn.keys.sorted() == (1...4).map { .microseconds($0) })
    #expect(drawn.values.allSatisfy { $0 > 200 })
  }

  @Test func whatIsCertainDrawsNoNumber() throws {
    var machine = FaultMachine()
    machine.set(try FaultSetting("GetStatus:fail=1,latency=5ms"))
    var generator = SeededGenerator(seed: 1)
    let decision = machine.decide("GetStatus", FaultOverrides(), using: &generator)
    #expect(decision == FaultDecision(latency: .milliseconds(5), outcome: .fail(.unavailable)))
    #expect(generator == SeededGenerator(seed: 1))
  }

  @Test func aScriptForAllMethodsCountsTheCallsOfAll() throws {
    var machine = FaultMachine()
    machine.set(try FaultSetting("*:next=2"))
    var generator = SeededGenerator(seed: 1)
    let outcomes = ["GetStatus", "GetDuties", "GetStatus"].map {
      machine.decide($0, FaultOverrides(), using: &generator).outcome
    }
    #expect(outcomes == [.fail(.unavailable), .fail(.unavailable), .pass(hashRounds: 0)])
  }

  @Test func callsThatAScriptLetsPassStillMeetTheRate() throws {
    var machine = FaultMachine()
    machine.set(try FaultSetting("*:first=1/2,fail=1"))
    var generator = SeededGenerator(seed: 1)
    let outcomes = (0..<4).map { _ in machine.decide("GetStatus", FaultOverrides(), using: &generator).outcome
    }
    #expect(outcomes.allSatisfy { $0 == .fail(.unavailable) })
  }
}
