import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import Testing

struct PolicyValueTests {
  @Test(arguments: [
    ("250ms", Duration.milliseconds(250)), ("1.5s", .milliseconds(1500)), ("2m", .seconds(120)),
    ("0s", .zero),
    ("7us", .microseconds(7)), ("3ns", .nanoseconds(3)), ("1h", .seconds(3600)),
  ])
  func aDurationIsANumberWithAUnit(text: String, duration: Duration) {
    #expect(Duration(policyValue: .text(text)) == duration)
  }

  @Test(arguments: ["", "5", "s", "-1s", "1 s", "1.2.3s", "1e3s", "99999999999h", "1d"])
  func whatIsNoDurationIsNone(text: String) {
    #expect(Duration(policyValue: .text(text)) == nil)
  }

  @Test(arguments: ["250ms", "1.5s", "120s", "0ns", "7us"])
  func aDurationIsShownAsItCanBeRead(text: String) throws {
    let duration = try #require(Duration(policyValue: .text(text)))
    #expect(Duration(policyValue: .text(duration.policyText)) == duration)
  }

  @Test func codesAreNamesInAnyCaseOrNumbers() {
    let codes = StatusCodes(policyValue: .list([.text("unavailable"), .integer(4), .text("ABORTED")]))
    #expect(codes == [.unavailable, .deadlineExceeded, .aborted])
    #expect(StatusCodes(policyValue: .text("UNAVAILABLE,INTERNAL")) == [.unavailable, .internalError])
  }

  @Test(arguments: [
    PolicyValue.list([.text("NOPE")]), .list([.integer(17)]), .list([.number(1.5)]), .flag(true),
  ])
  func whatIsNoCodeIsNone(value: PolicyValue) {
    #expect(StatusCodes(policyValue: value) == nil)
  }

  @Test func aWrongValueIsAnErrorThatNamesKeyValueAndWhatIsAllowed() {
    var policy = MethodPolicy()
    #expect(
      throws: InvalidOption(field: "rate_limit.rate", value: "\"fast\"", allowed: "a number")
    ) { try policy.set("rate_limit.rate", to: .text("fast")) }
    #expect(policy == MethodPolicy())
  }

  @Test func aWrongKeyIsAnErrorThatNamesThoseBesideIt() throws {
    var policy = MethodPolicy()
    let error = #expect(throws: InvalidOption.self) {
      try policy.set("retry_budget.tokens", to: .integer(3))
    }
    #expect(
      error?.description
        == "retry_budget.tokens is 3; allowed: one of retry_budget.ratio, retry_budget.minimum_per_second, "
        + "retry_budget.window, retry_budget.maximum_tokens, retry_budget.token_ratio"
    )
  }

  @Test func everyFieldCanBeReadFromWhatItShows() throws {
    let samples: [String: PolicyValue] = [
      "timeout": .text("3s"), "wait_for_ready": .flag(true),
      "retry.retryable_codes": .list([.text("ABORTED")]),
      "circuit_breaker.failure_threshold": .number(0.3), "rate_limit.scope": .text("PEER"),
      "bulkhead.discipline": .text("adaptive_lifo"), "bulkhead.priority": .text("HIGH"),
      "hedging.mode": .text("off"),
      "rate_limit.name": .text("votes"), "bulkhead.weight": .integer(3), "rate_limit.sides": .text("server"),
    ]
    var policy = MethodPolicy()
    for (key, value) in samples { try policy.set(key, to: value) }
    var copy = MethodPolicy()
    for field in EffectivePolicy(policy).lines { try copy.set(field.key, to: .text(field.value)) }
    #expect(copy == policy)
  }
}

extension EffectivePolicy {
  /// What a method has that one source annotates.
  init(_ policy: MethodPolicy) {
    let method = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)
    self.init(of: method, from: [PolicySet(source: "code", [.all: policy])])
  }
}
