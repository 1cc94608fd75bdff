@testable import BulwarkConfiguration
import BulwarkCore
import BulwarkInterceptors
import Testing

struct ServiceConfigTests {
  private func read(_ text: String) throws(ConfigurationError) -> PolicySet {
    try PolicySet(serviceConfig: text, source: "grpc.json")
  }

  private func problems(_ text: String) -> [String] {
    do throws(ConfigurationError) {
      _ = try self.read(text)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  private func warnings(_ text: String) throws -> [String] {
    var warnings: [String] = []
    _ = try PolicySet(serviceConfig: text, source: "grpc.json") { warnings.append($0.description) }
    return warnings
  }

  /// One method config for `a.S`, with these fields.
  private func method(_ fields: String) -> String {
    #"{"methodConfig":[{"name":[{"service":"a.S"}],\#(fields)}]}"#
  }

  private func retry(
    attempts: String = "3",
    initial: String = "\".1s\"",
    maximum: String = "\"1s\"",
    multiplier: String = "2",
    codes: String = "[\"UNAVAILABLE\"]"
  ) -> String {
    self.method(
      #""retryPolicy":{"maxAttempts":\#(attempts),"initialBackoff":\#(initial),"maxBackoff":\#(maximum),"#
        + #""backoffMultiplier":\#(multiplier),"retryableStatusCodes":\#(codes)}"#
    )
  }

  private func retryPolicy(_ text: String) throws -> RetryPolicy? {
    try self.read(text).policies[.service("a.S")]?.retry
  }

  @Test func aConfigIsTheAnnotationsOfItsNames() throws {
    let set = try self.read(
      """
      {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
          {
            "name": [{"service": "a.S", "method": "Call"}, {"service": "a.T"}],
            "timeout": "1.5s", "waitForReady": true,
            "retryPolicy": {
              "maxAttempts": 4, "initialBackoff": ".1s", "maxBackoff": "1s", "backoffMultiplier": 2,
              "retryableStatusCodes": ["unavailable", 10]
            }
          },
          {
            "name": [{"service": "a.U", "method": ""}],
            "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["INTERNAL"]}
          }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
      }
      """
    )
    let retried = MethodPolicy.with {
      $0.timeout = .milliseconds(1500)
      $0.waitForReady = true
      $0.retry = RetryPolicy()
      $0.retry?.maximumAttempts = 4
      $0.retry?.initialBackoff = .milliseconds(100)
      $0.retry?.maximumBackoff = .seconds(1)
      $0.retry?.backoffMultiplier = 2
      $0.retry?.jitter = 0.2
      $0.retry?.retryableCodes = [.unavailable, .aborted]
    }
    #expect(
      set.policies == [
        .method(service: "a.S", "Call"): retried, .service("a.T"): retried,
        .service("a.U"): .with {
          $0.hedging = HedgingPolicy()
          $0.hedging?.maximumAttempts = 3
          $0.hedging?.delay = .milliseconds(500)
          $0.hedging?.nonFatalCodes = [.internalError]
        },
        .all: .with {
          $0.retryBudget = RetryBudgetPolicy()
          $0.retryBudget?.maximumTokens = 10
          $0.retryBudget?.tokenRatio = 0.1
        },
      ]
    )
  }

  @Test(arguments: [("2", 2), ("5", 5), ("6", 5), ("4294967295", 5), ("\"3\"", 3)])
  func attemptsAboveFiveCountAsFive(written: String, counted: Int) throws {
    #expect(try self.retryPolicy(self.retry(attempts: written))?.maximumAttempts == counted)
  }

  @Test(arguments: ["1", "0", "-1", "1.5", "\"many\"", "true"])
  func attemptsMustBeAWholeNumberAboveOne(attempts: String) {
    let shown = attempts
    #expect(
      self.problems(self.retry(attempts: attempts)) == [
        "grpc.json:1: methodConfig[0].retryPolicy.maxAttempts is \(shown); allowed: a whole number above 1"
      ]
    )
  }

  @Test(arguments: [
    "\"0s\"", "\"-1s\"", "\"1\"", "1", "\"1ms\"", "\"s\"", "\".s\"", "\"1.0000000001s\"", "\"1.2.3s\"",
  ])
  func backoffsMustBeProtobufDurationsAboveZero(backoff: String) {
    #expect(
      self.problems(self.retry(initial: backoff)) == [
        "grpc.json:1: methodConfig[0].retryPolicy.initialBackoff is \(backoff); "
          + "allowed: a duration above 0s, such as \"1.5s\""
      ]
    )
    #expect(self.problems(self.retry(maximum: backoff)).count == 1)
  }

  @Test func theFirstDelayIsTheLesserOfTheTwo() throws {
    let policy = try self.retryPolicy(self.retry(initial: "\"3s\"", maximum: "\"2s\""))
    #expect(policy?.initialBackoff == .seconds(2))
    #expect(policy?.maximumBackoff == .seconds(2))
  }

  @Test(arguments: ["0", "-1", "\"x\""])
  func theMultiplierMustBeAboveZero(multiplier: String) {
    #expect(self.problems(self.retry(multiplier: multiplier)).count == 1)
  }

  @Test func aMultiplierBelowOneCountsAsOneAndIsTold() throws {
    let text = self.retry(multiplier: "0.5")
    #expect(try self.retryPolicy(text)?.backoffMultiplier == 1)
    #expect(
      try self.warnings(text) == [
        "grpc.json:1: methodConfig[0].retryPolicy.backoffMultiplier is 0.5, and is treated as 1"
      ]
    )
  }

  @Test func codesAreNamesInAnyCaseOrNumbers() throws {
    let policy = try self.retryPolicy(self.retry(codes: "[\"Unavailable\", 10, \"DATA_LOSS\"]"))
    #expect(policy?.retryableCodes == [.unavailable, .aborted, .dataLoss])
  }

  @Test(arguments: [
    ("[]", "retryableStatusCodes is empty; allowed: at least one status code"),
    (
      "[\"NOPE\"]",
      "retryableStatusCodes[0] is \"NOPE\"; allowed: a status code such as \"UNAVAILABLE\" or 14"
    ),
    ("[17]", "retryableStatusCodes[0] is 17; allowed: a status code such as \"UNAVAILABLE\" or 14"),
    ("\"UNAVAILABLE\"", "retryableStatusCodes is \"UNAVAILABLE\"; allowed: a list of status codes"),
  ])
  func codesMustBeThereAndValid(codes: String, problem: String) {
    #expect(
      self.problems(self.retry(codes: codes)) == ["grpc.json:1: methodConfig[0].retryPolicy.\(problem)"]
    )
  }

  @Test func everyFieldOfARetryPolicyIsRequired() {
    let missing = [
      "backoffMultiplier", "initialBackoff", "maxAttempts", "maxBackoff", "retryableStatusCodes",
    ]
    #expect(
      self.problems(self.method(#""retryPolicy":{}"#))
        == missing.map { "grpc.json:1: methodConfig[0].retryPolicy.\($0) is not there; it is required" }
    )
  }

  @Test func hedgingNeedsNothingButItsAttempts() throws {
    let set = try self.read(self.method(#""hedgingPolicy":{"maxAttempts":9}"#))
    let hedging = set.policies[.service("a.S")]?.hedging
    #expect(hedging?.maximumAttempts == 5)
    #expect(hedging?.delay == .zero)
    #expect(hedging?.nonFatalCodes == [])
    #expect(self.problems(self.method(#""hedgingPolicy":{}"#)).count == 1)
    #expect(self.problems(self.method(#""hedgingPolicy":{"maxAttempts":1}"#)).count == 1)
  }

  @Test func retryAndHedgingExcludeEachOther() {
    let both = self.retry().replacing(
      "\"retryPolicy\"",
      with: #""hedgingPolicy":{"maxAttempts":2},"retryPolicy""#
    )
    #expect(
      self.problems(both) == [
        "grpc.json:1: methodConfig[0].hedgingPolicy stands beside retryPolicy; allowed: one of them"
      ]
    )
  }

  @Test(arguments: [
    (
      #"[{"service":"a.S"},{"service":"a.S","method":null}]"#, "name[1] is a.S again; allowed: each name once"
    ),
    (#"[{},{"service":""}]"#, "name[1] is * again; allowed: each name once"),
    (#"[{"method":"Call"}]"#, "name[0].method is \"Call\"; allowed: a method with its service"),
    (#"[{"service":3}]"#, "name[0].service is 3; allowed: a name"),
    (#"["a.S"]"#, "name[0] is \"a.S\"; allowed: an object"),
    (#"{}"#, "name is a group; allowed: a list of objects with service and method"),
  ])
  func aNameIsForOneConfigAndHasAService(names: String, problem: String) {
    #expect(
      self.problems(#"{"methodConfig":[{"name":\#(names)}]}"#) == ["grpc.json:1: methodConfig[0].\(problem)"]
    )
  }

  @Test func aConfigWithoutNamesIsCheckedAndIsForNothing() throws {
    #expect(
      try self.read(#"{"methodConfig":[{"timeout":"1s"},{"name":[],"timeout":"1s"}]}"#).policies.isEmpty
    )
    #expect(self.problems(#"{"methodConfig":[{"timeout":"1"}]}"#).count == 1)
  }

  @Test(arguments: [
    (#"{"maxTokens":0,"tokenRatio":1}"#, "maxTokens is 0; allowed: a whole number, 1 to 1000"),
    (#"{"maxTokens":1001,"tokenRatio":1}"#, "maxTokens is 1001; allowed: a whole number, 1 to 1000"),
    (#"{"maxTokens":10,"tokenRatio":0}"#, "tokenRatio is 0; allowed: 0.001 to 1000, in steps of 0.001"),
    (#"{"maxTokens":10,"tokenRatio":-1}"#, "tokenRatio is -1; allowed: 0.001 to 1000, in steps of 0.001"),
    (
      #"{"maxTokens":10,"tokenRatio":0.0004}"#,
      "tokenRatio is 0.0004; allowed: 0.001 to 1000, in steps of 0.001"
    ),
    (#"{"maxTokens":10}"#, "tokenRatio is not there; it is required"),
  ])
  func throttlingHasBounds(throttling: String, problem: String) {
    #expect(
      self.problems(#"{"retryThrottling":\#(throttling)}"#) == ["grpc.json:1: retryThrottling.\(problem)"]
    )
  }

  @Test(arguments: [("1000", "0.1236", 1000, 0.124), ("\"1\"", "\"0.5\"", 1, 0.5)])
  func theTokenRatioHasThreeDecimals(tokens: String, ratio: String, maximum: Int, rounded: Double) throws {
    let set = try self.read(#"{"retryThrottling":{"maxTokens":\#(tokens),"tokenRatio":\#(ratio)}}"#)
    #expect(set.policies[.all]?.retryBudget?.maximumTokens == maximum)
    #expect(set.policies[.all]?.retryBudget?.tokenRatio == rounded)
  }

  @Test func theMostSpecificConfigIsTheWholeOfAMethodsSettings() throws {
    let set = try self.read(
      """
      {"methodConfig": [
        {"name": [{}], "timeout": "9s", "waitForReady": true},
        {"name": [{"service": "a.S"}], "hedgingPolicy": {"maxAttempts": 2}, "timeout": "1s"},
        {"name": [{"service": "a.S", "method": "Call"}]}
      ]}
      """
    )
    let service = set.policies[.service("a.S")]
    #expect(service?.timeout == .seconds(1))
    #expect(service?.waitForReady == false)
    let method = set.policies[.method(service: "a.S", "Call")]
    #expect(method?.timeout == .seconds(315_360_000))
    #expect(method?.waitForReady == false)
    #expect(method?.hedging?.mode == .off)
    #expect(method?.retry == nil)
  }

  @Test func unknownFieldsAreIgnoredAndMisspeltOnesAreTold() throws {
    let text = self.method(
      #""x":1,"waitForReadi":true,"timeout":null,"TimeOut":"1s","maxRequestMessageBytes":9"#
    )
    #expect(try self.read(text).policies == [.service("a.S"): MethodPolicy()])
    #expect(
      try self.warnings(text) == [
        "grpc.json:1: methodConfig[0].waitForReadi is no field, and is ignored; is waitForReady meant?",
        "grpc.json:1: methodConfig[0].TimeOut is no field, and is ignored; is timeout meant?",
        "grpc.json:1: methodConfig[0].maxRequestMessageBytes is not obeyed: the limits of messages are the client's own",
      ]
    )
  }

  @Test(arguments: [
    ("", "grpc.json: the file is empty"), ("[]", "grpc.json:1: is a list; allowed: an object"),
    (#"{"methodConfig":{}}"#, "grpc.json:1: methodConfig is a group; allowed: a list"),
  ])
  func aDocumentOfAnotherShapeIsRefused(text: String, problem: String) {
    #expect(self.problems(text) == [problem])
  }

  @Test func aTimeoutOfZeroIsTheShortest() throws {
    let set = try self.read(self.method(#""timeout":"0s""#))
    #expect(set.policies[.service("a.S")]?.timeout == .nanoseconds(1))
  }

  @Test(arguments: [
    ("1s", Duration.seconds(1)), (".5s", .milliseconds(500)), ("1.s", .seconds(1)),
    ("0.000000001s", .nanoseconds(1)),
    ("315576000000s", .seconds(315_576_000_000)),
  ])
  func aProtobufDurationIsSecondsWithAtMostNineDecimals(text: String, duration: Duration) {
    #expect(Duration(protobufJSON: text) == duration)
  }

  @Test(arguments: ["", "s", "1", "1S", "+1s", "1e3s", "315576000001s", "99999999999999999999s", "1 s", "٣s"])
  func whatIsNoProtobufDurationIsNone(text: String) {
    #expect(Duration(protobufJSON: text) == nil)
  }
}
