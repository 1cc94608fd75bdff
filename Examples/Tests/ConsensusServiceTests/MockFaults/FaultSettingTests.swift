import Bulwark
import BulwarkResilience
import Testing

@testable import ConsensusService

/// Faults as people write them, and as they travel.
@Suite struct FaultSettingTests {
  @Test(
    arguments: [
      "SubmitVote:none",
      "SubmitVote:fail=0.8,code=INTERNAL,latency=5ms",
      "*:fail=1.0,hang",
      "*:next=1000000,latency=250us-2s",
      "VerifyBlock:first=2/3,hash=10000000",
      "VerifyCommit:latency=60s",
    ]
  )
  func aSettingIsTheSameAfterItsTextAndAfterItsMessage(text: String) throws {
    let setting = try FaultSetting(text)
    #expect(setting.description == text)
    #expect(try FaultSetting(setting.message) == setting)
  }

  @Test func everyItemIsRead() throws {
    var plan = FaultPlan()
    plan.failureRate = 0.25
    plan.failureCode = .dataLoss
    plan.script = .first(1, of: 2)
    plan.latency = .milliseconds(5) ... .milliseconds(20)
    plan.hashRounds = 7
    plan.hangs = true
    let text = "VerifyBlock:fail=0.25,code=15,first=1/2,latency=5ms-20ms,hash=7,hang"
    #expect(try FaultSetting(text) == FaultSetting("VerifyBlock", plan))
  }

  @Test(
    arguments: [
      (
        "SubmitVote",
        "faults is 'SubmitVote'; allowed: METHOD:ITEM,…, for example SubmitVote:fail=0.8,latency=5ms"
      ),
      ("GetStatus:fail=1.5", "GetStatus.fail is '1.5'; allowed: 0.0 to 1.0"),
      ("GetStatus:fail=nan", "GetStatus.fail is 'nan'; allowed: 0.0 to 1.0"),
      ("GetStatus:fail", "GetStatus.fail is ''; allowed: 0.0 to 1.0"),
      ("GetStatus:code=OK", "GetStatus.code is 'OK'; allowed: a status code's name or its number, 1 to 16"),
      ("GetStatus:next=0", "GetStatus.next is '0'; allowed: 1 to 1000000"),
      ("GetStatus:first=4/3", "GetStatus.first is '4/3'; allowed: 1 to 3"),
      ("GetStatus:first=2", "GetStatus.first is '2'; allowed: FAILURES/CALLS, 1 to 1000000 each"),
      ("GetStatus:latency=61s", "GetStatus.latency is '61s'; allowed: 0.0 seconds to 60.0 seconds"),
      (
        "GetStatus:latency=20ms-5ms",
        "GetStatus.latency is '20ms-5ms'; allowed: a whole number of us, ms or s up to 60s, or two joined by -"
      ),
      ("GetStatus:hash=1", "GetStatus.hash is '1'; allowed: 0, as only VerifyBlock and VerifyCommit hash"),
      ("VerifyBlock:hash=10000001", "VerifyBlock.hash is '10000001'; allowed: 0 to 10000000"),
      (
        "GetStatus:hang=1",
        "GetStatus.item is 'hang=1'; allowed: fail=, code=, next=, first=, latency=, hash=, hang, none"
      ),
      ("GetStatus:hang,hang", "GetStatus.item is 'hang'; allowed: each item once"),
      (
        "GetStatus:next=1,first=1/2",
        "GetStatus.item is 'first=1/2'; allowed: either next= or first=, not both"
      ),
    ]
  )
  func aWrongTextSaysWhatIsWrongAndWhatIsAllowed(text: String, message: String) {
    let error = #expect(throws: InvalidOption.self) { try FaultSetting(text) }
    #expect(error?.description == message)
  }

  @Test func anUnknownMethodIsToldTheOnesThereAre() {
    let error = #expect(throws: InvalidOption.self) { try FaultSetting("Vote:hang") }
    #expect(
      error?.description.hasPrefix(
        "method is 'Vote'; allowed: * or a method of ConsensusService: RegisterValidator, "
      ) == true
    )
  }

  @Test(
    arguments: [
      (MethodFaults.with { $0.failureRate = -0.1 }, "failure_rate is -0.1; allowed: 0.0 to 1.0"),
      (.with { $0.failureRate = .infinity }, "failure_rate is inf; allowed: 0.0 to 1.0"),
      (.with { $0.failureCode = 17 }, "failure_code is 17; allowed: 0 to 16"),
      (.with { $0.script = .failNext(0) }, "fail_next is 0; allowed: 1 to 1000000"),
      (.with { $0.script = .failCycle(FailureCycle()) }, "fail_cycle.calls is 0; allowed: 1 to 1000000"),
      (
        .with { $0.script = .failCycle(.with { $0.calls = 1 }) },
        "fail_cycle.failures is 0; allowed: 1 to 1"
      ),
      (
        .with { $0.minLatencyUs = 60_000_001 },
        "min_latency_us is 60.000001 seconds; allowed: 0.0 seconds to 60.0 seconds"
      ),
      (
        .with {
          $0.minLatencyUs = 2
          $0.maxLatencyUs = 1
        }, "min_latency_us is 2; allowed: 0 to max_latency_us, which is 1"
      ),
      (
        .with { $0.hashRounds = 1 }, "hash_rounds is 1; allowed: 0, as only VerifyBlock and VerifyCommit hash"
      ),
    ]
  )
  func aWrongMessageSaysWhatIsWrongAndWhatIsAllowed(message: MethodFaults, problem: String) {
    var message = message
    message.method = "GetStatus"
    let error = #expect(throws: InvalidOption.self) { try FaultSetting(message) }
    #expect(error?.description == "GetStatus.\(problem)")
  }
}
