import Bulwark
import Testing

@testable import consensus_demo

@Suite struct CallOutcomeTests {
  private static func refusal(_ reason: String, domain: String = "bulwark.policy") -> RPCError {
    let info = ErrorInfo.with {
      $0.reason = reason
      $0.domain = domain
    }
    return RPCError(code: .resourceExhausted, message: "refused", details: [info])
  }

  @Test(arguments: [
    ("CIRCUIT_OPEN", CallOutcome.circuitBlocked), ("PROBES_EXHAUSTED", .circuitBlocked),
    ("RATE_LIMITED", .rateLimited), ("BULKHEAD_FULL", .bulkheadFull), ("SHED", .bulkheadFull),
    ("DEADLINE", .failed),
  ])
  func aRefusalIsToldByItsReason(reason: String, outcome: CallOutcome) {
    #expect(CallOutcome(Self.refusal(reason)) == outcome)
  }

  @Test func theSameCodeWithoutAReasonIsAFailure() {
    #expect(CallOutcome(RPCError(code: .resourceExhausted, message: "the disk is full")) == .failed)
  }

  @Test func aReasonOfSomebodyElseIsAFailure() {
    #expect(CallOutcome(Self.refusal("RATE_LIMITED", domain: "example.com")) == .failed)
  }

  @Test func aTallyCountsAndNamesOnlyWhatThereWas() {
    var tally = Tally()
    for outcome in [CallOutcome.answered, .rateLimited, .answered] {
      tally.add(CallRecord(outcome: outcome, duration: .milliseconds(1), code: nil, pushback: nil))
    }
    #expect(tally.text == "2 answered, 1 rate limited")
    #expect((tally.total, tally.count(.failed)) == (3, 0))
  }

  @Test func aCallThatIsRefusedHasItsPushback() async {
    var error = Self.refusal("RATE_LIMITED")
    error.metadata.add("86", for: "grpc-retry-pushback-ms")
    let thrown = error
    let record = await CallRecord.of { () throws(RPCError) in throw thrown }
    #expect((record.outcome, record.code) == (.rateLimited, .resourceExhausted))
    #expect(record.pushback == .milliseconds(86))
  }
}
