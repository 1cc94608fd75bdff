import BulwarkInterceptors

/// Retry, hedging and throttling, with the checks of gRFC A6.
extension ServiceConfigReader {
  private static let retryKeys = [
    "maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes",
  ]
  private static let hedgingKeys = ["maxAttempts", "hedgingDelay", "nonFatalStatusCodes"]
  private static let throttlingKeys = ["maxTokens", "tokenRatio"]

  mutating func retry(_ node: DocumentNode, path: String) -> RetryPolicy? {
    guard let fields = self.object(node, path: path, keys: Self.retryKeys) else { return nil }
    for key in Self.retryKeys where fields[key] == nil { self.reportMissing(key, in: node, path: path) }
    var policy = RetryPolicy()
    policy.maximumAttempts = fields["maxAttempts"].flatMap { self.attempts($0, path: "\(path).maxAttempts") }
    policy.initialBackoff = fields["initialBackoff"]
      .flatMap { self.duration($0, path: "\(path).initialBackoff", isPositive: true) }
    policy.maximumBackoff = fields["maxBackoff"]
      .flatMap { self.duration($0, path: "\(path).maxBackoff", isPositive: true) }
    // The first delay is the lesser of the two.
    if let initial = policy.initialBackoff, let maximum = policy.maximumBackoff {
      policy.initialBackoff = min(initial, maximum)
    }
    policy.backoffMultiplier = fields["backoffMultiplier"]
      .flatMap { self.multiplier($0, path: "\(path).backoffMultiplier") }
    policy.retryableCodes = fields["retryableStatusCodes"]
      .flatMap { self.codes($0, path: "\(path).retryableStatusCodes") }
    if policy.retryableCodes?.codes.isEmpty == true {
      self.problems.append(
        ConfigurationProblem(
          source: self.source,
          line: node.line,
          path: "\(path).retryableStatusCodes",
          value: "empty",
          allowed: "at least one status code"
        )
      )
    }
    // Between 0.8 and 1.2 times the delay.
    policy.jitter = 0.2
    return policy
  }

  mutating func hedging(_ node: DocumentNode, path: String) -> HedgingPolicy? {
    guard let fields = self.object(node, path: path, keys: Self.hedgingKeys) else { return nil }
    if fields["maxAttempts"] == nil { self.reportMissing("maxAttempts", in: node, path: path) }
    var policy = HedgingPolicy()
    policy.maximumAttempts = fields["maxAttempts"].flatMap { self.attempts($0, path: "\(path).maxAttempts") }
    // Without a delay all attempts start at once, and without codes every failure is fatal.
    policy.delay = .zero
    policy.nonFatalCodes = []
    if let delay = fields["hedgingDelay"] {
      policy.delay = self.duration(delay, path: "\(path).hedgingDelay", isPositive: false)
    }
    if let codes = fields["nonFatalStatusCodes"] {
      policy.nonFatalCodes = self.codes(codes, path: "\(path).nonFatalStatusCodes")
    }
    return policy
  }

  mutating func throttling(_ node: DocumentNode, path: String) -> RetryBudgetPolicy? {
    guard let fields = self.object(node, path: path, keys: Self.throttlingKeys) else { return nil }
    for key in Self.throttlingKeys where fields[key] == nil { self.reportMissing(key, in: node, path: path) }
    var policy = RetryBudgetPolicy()
    if let tokens = fields["maxTokens"] {
      policy.maximumTokens = tokens.policyValue.flatMap { Int(policyValue: $0) }.flatMap {
        (1...1_000).contains($0) ? $0 : nil
      }
      if policy.maximumTokens == nil { self.reject(tokens, "\(path).maxTokens", "a whole number, 1 to 1000") }
    }
    if let ratio = fields["tokenRatio"] {
      let thousandths = ratio.number.map { ($0 * 1_000).rounded() }
      policy.tokenRatio = thousandths.flatMap { (1...1_000_000).contains($0) ? $0 / 1_000 : nil }
      if policy.tokenRatio == nil {
        self.reject(ratio, "\(path).tokenRatio", "0.001 to 1000, in steps of 0.001")
      }
    }
    return policy
  }

  mutating func duration(_ node: DocumentNode, path: String, isPositive: Bool) -> Duration? {
    guard case .value(.text(let text)) = node.content, let duration = Duration(protobufJSON: text),
      !isPositive || duration > .zero
    else {
      self.reject(node, path, "a duration\(isPositive ? " above 0s" : ""), such as \"1.5s\"")
      return nil
    }
    return min(duration, .seconds(10 * 365 * 86_400))
  }

  private mutating func attempts(_ node: DocumentNode, path: String) -> Int? {
    guard let attempts = node.policyValue.flatMap({ Int(policyValue: $0) }), attempts > 1 else {
      self.reject(node, path, "a whole number above 1")
      return nil
    }
    if attempts > Self.maxAttempts {
      self.warn(line: node.line, path: path, "is \(attempts), and is treated as \(Self.maxAttempts)")
    }
    return min(attempts, Self.maxAttempts)
  }

  private mutating func multiplier(_ node: DocumentNode, path: String) -> Double? {
    guard let multiplier = node.number, multiplier > 0 else {
      self.reject(node, path, "a number above 0")
      return nil
    }
    // Delays that shrink are of no use to anyone, and the policy has none.
    if multiplier < 1 { self.warn(line: node.line, path: path, "is \(multiplier), and is treated as 1") }
    return min(max(multiplier, 1), 1_000)
  }

  private mutating func codes(_ node: DocumentNode, path: String) -> StatusCodes? {
    guard let elements = node.elements else {
      self.reject(node, path, "a list of status codes")
      return nil
    }
    var codes: StatusCodes? = []
    for (index, element) in elements.enumerated() {
      guard let value = element.policyValue, let code = StatusCodes(policyValue: .list([value])) else {
        self.reject(element, "\(path)[\(index)]", "a status code such as \"UNAVAILABLE\" or 14")
        codes = nil
        continue
      }
      codes?.codes += code.codes
    }
    return codes
  }

  private mutating func reportMissing(_ key: String, in node: DocumentNode, path: String) {
    let reason = "is not there; it is required"
    self.problems.append(
      ConfigurationProblem(source: self.source, line: node.line, path: "\(path).\(key)", reason: reason)
    )
  }
}

extension DocumentNode {
  /// The number that it is, or that its text is: protobuf's JSON form allows both.
  fileprivate var number: Double? {
    self.policyValue.flatMap { Double(policyValue: $0) }.flatMap { $0.isFinite ? $0 : nil }
  }
}
