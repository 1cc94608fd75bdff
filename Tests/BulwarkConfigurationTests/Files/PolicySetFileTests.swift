import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors
import Testing

struct PolicySetFileTests {
  private let vote = PolicySelector.method(service: "consensus.v1.ConsensusService", "SubmitVote")
  private let service = PolicySelector.service("consensus.v1.ConsensusService")

  private func problems(in text: String, methods: [MethodDescriptor]? = nil) -> [String] {
    do throws(ConfigurationError) {
      _ = try PolicySet(configuration: text, source: "policies.yaml", methods: methods)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  @Test func aFileIsTheAnnotationsOfItsSelectors() throws {
    let set = try PolicySet(configuration: Samples.yaml, source: "policies.yaml")
    #expect(set.source == "policies.yaml")
    #expect(set.policies == Samples.policies)
  }

  @Test func jsonIsReadLikeYAML() throws {
    let set = try PolicySet(configuration: Samples.json, source: "policies.json")
    #expect(set.policies == Samples.policies)
  }

  @Test func jsonThatIsIndentedWithTabsIsReadToo() throws {
    let text = Samples.json.replacing("  ", with: "\t")
    #expect(try PolicySet(configuration: text, source: "policies.json").policies == Samples.policies)
  }

  @Test func aGroupWithoutSettingsIsThePolicyWithItsDefaults() throws {
    let text = "policies: { '*': { bulkhead: {}, rate_limit: true } }"
    let policy = try PolicySet(configuration: text, source: "policies.yaml").policies[.all]
    #expect(policy?.bulkhead == BulkheadPolicy())
    #expect(policy?.rateLimit == RateLimitPolicy())
  }

  @Test func aListCanHaveNamesAndNumbers() throws {
    let text = "policies: { '*': { retry: { retryable_codes: [unavailable, 10] } } }"
    let set = try PolicySet(configuration: text, source: "policies.yaml")
    #expect(set.policies[.all]?.retry?.retryableCodes == [.unavailable, .aborted])
  }

  @Test func anAliasStandsForWhatItNames() throws {
    let text = """
      policies:
        a.First: { bulkhead: &small { maximum_concurrent: 3 } }
        a.Second: { bulkhead: *small }
      """
    let set = try PolicySet(configuration: text, source: "policies.yaml")
    #expect(set.policies[.service("a.Second")]?.bulkhead?.maximumConcurrent == 3)
  }

  @Test func noPoliciesAreSaidAsSuch() throws {
    #expect(try PolicySet(configuration: "policies: {}", source: "policies.yaml").policies.isEmpty)
  }

  @Test(arguments: [
    ("", "policies.yaml: the file is empty"),
    ("# only words", "policies.yaml: the file is empty"),
    ("- a", "policies.yaml:1: the document is a list; allowed: a group with the key policies"),
    ("{}", "policies.yaml:1: policies is not there; allowed: a group of selectors, {} for none"),
    ("policies:", "policies.yaml:1: policies is nothing; allowed: a group of selectors, {} for none"),
    ("policies: {}\npolices: {}", "policies.yaml:2: polices is no key; allowed: policies"),
    ("policies: [", "policies.yaml:2: did not find expected node content"),
    ("policies: {}\n---\npolicies: {}", "policies.yaml:2: but found another document"),
    ("policies: { [a]: 1 }", "policies.yaml:1: a key is a list or a group; allowed: a text"),
    ("policies: { a.S: {}, a.S: {} }", "policies.yaml:1: \"a.S\" is there twice; allowed: each key once"),
  ])
  func aDocumentOfAnotherShapeIsRefused(text: String, problem: String) {
    #expect(self.problems(in: text) == [problem])
  }

  @Test func everyMistakeIsNamedWithItsLineItsKeyItsValueAndWhatIsAllowed() {
    let text = """
      policies:
        "a/b/c": {}
        "app.Service/Call":
          timeout: 5
          retry: { mode: sometimes }
          rate_limit:
            rate: fast
            bursts: 3
          circuit_braker: { failure_threshold: 0.5 }
          bulkhead: yes
          wait_for_ready:
          idle_timeout: { seconds: 3 }
        "app.Service/*": { timeout: 1s }
        "app.Service": { timeout: 2s }
        "app.Other": 3
      """
    #expect(
      self.problems(in: text) == [
        "policies.yaml:2: policies.\"a/b/c\" is no selector; allowed: *, package.Service or package.Service/Method",
        "policies.yaml:4: policies.\"app.Service/Call\".timeout is 5; "
          + "allowed: a duration such as \"250ms\", \"1.5s\" or \"2m\"",
        "policies.yaml:5: policies.\"app.Service/Call\".retry.mode is \"sometimes\"; allowed: enforced, shadow, off",
        "policies.yaml:7: policies.\"app.Service/Call\".rate_limit.rate is \"fast\"; allowed: a number",
        "policies.yaml:8: policies.\"app.Service/Call\".rate_limit.bursts is no key; "
          + "allowed: rate, burst, queue_limit, maximum_wait, name, mode, scope, sides, maximum_peers",
        "policies.yaml:9: policies.\"app.Service/Call\".circuit_braker is no key; "
          + "allowed: timeout, attempt_timeout, wait_for_ready, idle_timeout, retry, hedging, retry_budget, "
          + "circuit_breaker, rate_limit, bulkhead",
        "policies.yaml:10: policies.\"app.Service/Call\".bulkhead is \"yes\"; "
          + "allowed: a group of settings, {} for the defaults, or { mode: off }",
        "policies.yaml:11: policies.\"app.Service/Call\".wait_for_ready is nothing; allowed: a value",
        "policies.yaml:12: policies.\"app.Service/Call\".idle_timeout is a group; allowed: a value",
        "policies.yaml:14: policies.\"app.Service\" is app.Service again, which stands on line 13; "
          + "allowed: each selector once",
        "policies.yaml:15: policies.\"app.Other\" is 3; allowed: a group of settings",
      ]
    )
  }

  @Test func aSelectorMustNameAMethodThatThereIs() {
    let text = "policies: { app.Servise: {}, app.Service/Cal: {}, other.Thing: {}, app.Service: {}, '*': {} }"
    let method = MethodDescriptor(service: "app.Service", method: "Call", kind: .unary)
    #expect(
      self.problems(in: text, methods: [method]) == [
        "policies.yaml:1: policies.\"app.Service/Cal\" names no method that there is; "
          + "allowed: one that is served, such as app.Service/Call",
        "policies.yaml:1: policies.\"app.Servise\" names no method that there is; "
          + "allowed: one that is served, such as app.Service",
        "policies.yaml:1: policies.\"other.Thing\" names no method that there is; allowed: one that is served",
      ]
    )
  }

  @Test func aDocumentThatAliasesBlowUpIsRefused() {
    let levels = (1...8).map { level in
      "x\(level): &x\(level) [\(Array(repeating: "*x\(level - 1)", count: 10).joined(separator: ","))]"
    }
    let text = (["x0: &x0 [a,a,a,a,a,a,a,a,a,a]"] + levels).joined(separator: "\n")
    #expect(
      self.problems(in: text).map { $0.hasSuffix(": the document has more than 100000 parts") } == [true]
    )
  }

  @Test func aDocumentThatNestsTooDeepIsRefused() {
    let text = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    #expect(self.problems(in: text) == ["policies.yaml:1: the document nests deeper than 32"])
  }
}
