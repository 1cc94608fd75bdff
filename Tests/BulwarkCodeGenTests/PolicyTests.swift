import Testing

@Suite("An annotated service")
struct PolicyTests {
  @Test("has the policies of its methods, as they are in the file")
  func policies() throws {
    let source = try Generation.source(
      default: ["timeout": "3s", "retry_budget": ["ratio": 0.1]],
      methods: [
        "Buy": [
          [
            "circuit_breaker": ["name": "shop \"main\"", "failure_threshold": 0.3, "break_duration": "1.5s"],
            "wait_for_ready": true,
          ]
        ],
        "Look": [],
        "Ask": [
          [
            "retry": ["maximum_attempts": 3, "retryable_codes": ["UNAVAILABLE", "INTERNAL"]], "bulkhead": [:],
          ]
        ],
      ],
      options: "Visibility=public"
    )
    #expect(source.contains("\npublic import BulwarkCore\npublic import BulwarkInterceptors\n"))
    #expect(
      Self.policies(in: source) == """
          /// The policies that `shop.proto` gives the methods.
          public static let policies = BulwarkInterceptors.PolicySet(source: "shop.proto", [
            .service("shop.Shop"): .with {
              $0.timeout = .seconds(3)
              $0.retryBudget = .with {
                $0.ratio = 0.1
              }
            },
            .method(service: "shop.Shop", "Buy"): .with {
              $0.waitForReady = true
              $0.circuitBreaker = .with {
                $0.failureThreshold = 0.3
                $0.breakDuration = .milliseconds(1500)
                $0.name = "shop \\"main\\""
              }
            },
            .method(service: "shop.Shop", "Ask"): .with {
              $0.retry = .with {
                $0.maximumAttempts = 3
                $0.retryableCodes = [.unavailable, .internalError]
              }
              $0.bulkhead = .with { _ in }
            },
          ])

        """
    )
  }

  @Test("may set its options one by one")
  func parts() throws {
    let source = try Generation.source(methods: [
      "Buy": [
        ["retry": ["jitter": 0.5]], ["timeout": "1m"],
        ["retry": ["maximum_backoff": "2s", "retryable_codes": ["ABORTED"]]],
        ["retry": ["jitter": 1, "retryable_codes": ["DATA_LOSS"]]],
      ]
    ])
    #expect(
      Generation.lines(of: source, with: "$0.") == [
        "$0.timeout = .seconds(60)", "$0.retry = .with {", "$0.maximumBackoff = .seconds(2)",
        "$0.jitter = 1.0", "$0.retryableCodes = [.aborted, .dataLoss]",
      ]
    )
  }

  @Test("without annotations has no policies")
  func none() throws {
    let source = try Generation.source(methods: ["Buy": [], "Ask": [[:]]])
    #expect(!source.contains("policies") && !source.contains("BulwarkInterceptors"))
  }

  @Test("registers the methods with an executor where they are to run, without policies for it")
  func executor() throws {
    let source = try Generation.source(
      default: ["executor": "OFF_LOOP"],
      methods: ["Buy": [], "Ask": [["executor": "ON_LOOP"]], "Look": [["executor": "OFF_LOOP"]]]
    )
    #expect(
      Generation.lines(of: source, with: "registry.unary") == [
        "registry.unary(ShopMethods.buy, execution: .offLoop, self.buy(_:context:))",
        "registry.unary(ShopMethods.ask, self.ask(_:context:))",
        "registry.unary(ShopMethods.look, execution: .offLoop, self.look(_:context:))",
      ]
    )
    #expect(!source.contains("policies"))
  }

  @Test("may have a method that is called Policies")
  func collision() throws {
    let source = try Generation.source(methods: ["Policies": [["timeout": "1s"]]])
    #expect(source.contains("static let policies_ = BulwarkCore.RPCMethod"))
    #expect(source.contains("static let policies = BulwarkInterceptors.PolicySet"))
  }

  @Test(
    "has durations in the largest unit without a fraction",
    arguments: [
      ("0s", ".seconds(0)"), ("2m", ".seconds(120)"), ("1h", ".seconds(3600)"),
      ("1.5s", ".milliseconds(1500)"),
      ("250ms", ".milliseconds(250)"), ("7us", ".microseconds(7)"), ("3ns", ".nanoseconds(3)"),
      ("0.1ms", ".microseconds(100)"),
    ]
  )
  func durations(text: String, expression: String) throws {
    let source = try Generation.source(methods: ["Buy": [["timeout": .text(text)]]])
    #expect(Generation.lines(of: source, with: "$0.timeout") == ["$0.timeout = \(expression)"])
  }

  @Test(
    "is refused where a value is no duration",
    arguments: ["", "5", "s", "-1s", "1 s", "1.2.3s", "1e3s", "99999999999h", "1d", "soon"]
  )
  func noDuration(text: String) throws {
    let source = try Generation.source(methods: ["Buy": [["retry": ["initial_backoff": .text(text)]]]])
    #expect(
      source == """
        nothing; error: shop.proto: shop.Shop/Buy: retry.initial_backoff is "\(text)"; \
        allowed: a duration such as "250ms", "1.5s" or "2m"
        """
    )
  }

  @Test(
    "is refused where a value cannot be, with file, method, key and what is allowed",
    arguments: Self.refused
  )
  func refusals(annotation: Annotation, message: String) throws {
    let source = try Generation.source(methods: ["Buy": [annotation]])
    #expect(source == "nothing; error: shop.proto: shop.Shop/Buy: \(message)")
  }

  @Test("is refused with a default that cannot be, which names the service")
  func refusedDefault() throws {
    let source = try Generation.source(default: ["timeout": "soon"], methods: [:])
    #expect(source.hasPrefix("nothing; error: shop.proto: shop.Shop: timeout is \"soon\"; allowed: "))
  }

  @Test("may hedge a method that the service's default would retry, if it switches that off")
  func switchedOff() throws {
    let refused = try Generation.source(default: ["retry": [:]], methods: ["Buy": [["hedging": [:]]]])
    #expect(refused.contains("shop.Shop/Buy: retry is set together with hedging"))
    let source = try Generation.source(
      default: ["retry": ["mode": "SHADOW"]],
      methods: ["Buy": [["hedging": [:], "retry": ["mode": "OFF"]]]]
    )
    #expect(source.contains("$0.hedging = .with { _ in }"))
  }

  @Test("has the idempotency level of each method in its descriptor")
  func idempotency() throws {
    let source = try Generation.source(
      """
      name: "echo.proto" package: "demo" syntax: "proto3" message_type { name: "Msg" }
      service { name: "Echo"
        method { name: "A" input_type: ".demo.Msg" output_type: ".demo.Msg" options { idempotency_level: IDEMPOTENT } }
        method { name: "B" input_type: ".demo.Msg" output_type: ".demo.Msg"
          options { idempotency_level: NO_SIDE_EFFECTS } }
        method { name: "C" input_type: ".demo.Msg" output_type: ".demo.Msg" } }
      """
    )
    #expect(
      Generation.lines(of: source, with: "MethodDescriptor(") == [
        "BulwarkCore.MethodDescriptor(service: \"demo.Echo\", method: \"A\", kind: .unary, idempotency: .idempotent),",
        "BulwarkCore.MethodDescriptor(service: \"demo.Echo\", method: \"B\", kind: .unary, idempotency: .noSideEffects),",
        "BulwarkCore.MethodDescriptor(service: \"demo.Echo\", method: \"C\", kind: .unary),",
      ]
    )
  }

  private static let refused: [(Annotation, String)] = [
    (["rate_limit": ["rate": .number(.infinity)]], "rate_limit.rate is inf; allowed: a number"),
    (["bulkhead": ["name": ""]], "bulkhead.name is \"\"; allowed: a text that is not empty"),
    (["bulkhead": ["priority": 9]], "bulkhead.priority is 9; allowed: LOW, NORMAL, HIGH"),
    (
      ["retry": ["maximum_attempts": 2], "hedging": ["delay": "1s"]],
      "retry is set together with hedging; allowed: one of them, or `mode: OFF` in the other"
    ),
  ]

  /// The declaration of the policies in a source.
  private static func policies(in source: String) -> String {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    let start = lines.drop { !$0.contains("/// The policies that") }
    return start.prefix { $0 != "}" }.map { $0 + "\n" }.joined()
  }
}
