import BulwarkCore
import BulwarkInterceptors
import BulwarkResilience
import Testing

struct EffectivePolicyTests {
  private let method = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)

  private func limit(rate: Double? = nil, burst: Int? = nil) -> MethodPolicy {
    .with {
      $0.rateLimit = RateLimitPolicy()
      $0.rateLimit?.rate = rate
      $0.rateLimit?.burst = burst
    }
  }

  @Test func eachValueComesFromTheFirstSourceThatSetsIt() {
    let effective = EffectivePolicy(
      of: self.method,
      from: [
        PolicySet(source: "policies.yaml", [.service("app.Service"): self.limit(rate: 5)]),
        PolicySet(
          source: "app.proto",
          [.method(service: "app.Service", "Call"): self.limit(rate: 9, burst: 7)]
        ),
      ]
    )
    #expect(effective.policy == self.limit(rate: 5, burst: 7))
    #expect(
      effective.lines.map { "\($0.key) = \($0.value) from \($0.origin)" } == [
        "rate_limit.rate = 5 from policies.yaml (app.Service)",
        "rate_limit.burst = 7 from app.proto (app.Service/Call)",
      ]
    )
  }

  @Test func withinASourceTheMostSpecificSelectorCountsFirst() {
    let set = PolicySet(
      source: "code",
      [
        .all: self.limit(rate: 1, burst: 1), .service("app.Service"): self.limit(rate: 2),
        .method(service: "app.Service", "Call"): self.limit(burst: 3),
        .method(service: "app.Service", "Other"): self.limit(rate: 4, burst: 4),
        .service("app.Other"): self.limit(rate: 5, burst: 5),
      ]
    )
    #expect(EffectivePolicy(of: self.method, from: [set]).policy == self.limit(rate: 2, burst: 3))
  }

  @Test func anEmptySectionIsThePolicyWithItsDefaults() {
    let set = PolicySet(source: "code", [.all: .with { $0.bulkhead = BulkheadPolicy() }])
    #expect(EffectivePolicy(of: self.method, from: [set]).policy.bulkhead == BulkheadPolicy())
    #expect(EffectivePolicy(of: self.method, from: [set]).policy.rateLimit == nil)
  }

  @Test func anEmptySectionIsShownAndReadBack() throws {
    let shown = EffectivePolicy(.with { $0.bulkhead = BulkheadPolicy() }).lines
    #expect(shown.map { "\($0.key) = \($0.value)" } == ["bulkhead = true"])
    var policy = MethodPolicy()
    try policy.set("bulkhead", to: .text("true"))
    #expect(policy.bulkhead == BulkheadPolicy())
  }

  @Test func aRetryThatSaysNothingMakesThreeAttempts() {
    #expect(RetryPolicy().options.maximumAttempts == 3)
  }

  @Test func theHealthServiceIsLeftAloneByWhatIsMeantForAll() {
    let check = MethodDescriptor(service: "grpc.health.v1.Health", method: "Check", kind: .unary)
    let all = PolicySet(source: "code", [.all: self.limit(rate: 1)])
    let named = PolicySet(source: "code", [.service("grpc.health.v1.Health"): self.limit(rate: 1)])
    #expect(EffectivePolicy(of: check, from: [all]).policy == MethodPolicy())
    #expect(EffectivePolicy(of: check, from: [named]).policy == self.limit(rate: 1))
  }

  @Test func aLaterAnnotationOfTheSameSelectorFillsUpAnEarlierOne() {
    var set = PolicySet()
    set.annotate(.all, self.limit(rate: 1, burst: 2))
    set.annotate(.all, self.limit(burst: 3))
    #expect(set.policies == [.all: self.limit(rate: 1, burst: 3)])
  }

  @Test(arguments: [
    ("*", PolicySelector.all), ("app.Service", .service("app.Service")),
    ("app.Service/*", .service("app.Service")),
    ("app.Service/Call", .method(service: "app.Service", "Call")),
  ])
  func aSelectorIsReadFromItsText(text: String, selector: PolicySelector) {
    #expect(PolicySelector(text) == selector)
  }

  @Test(arguments: ["", "/", "app.Service/", "/Call", "a/b/c"])
  func whatNamesNoMethodIsNoSelector(text: String) {
    #expect(PolicySelector(text) == nil)
  }
}
