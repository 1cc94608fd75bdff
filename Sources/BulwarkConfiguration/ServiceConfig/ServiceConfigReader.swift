import BulwarkInterceptors
import BulwarkResilience

/// Walks through a gRPC service config, as `grpc.service_config.ServiceConfig` and gRFC A6 define it.
struct ServiceConfigReader {
  private static let topKeys = [
    "methodConfig", "retryThrottling", "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig",
  ]
  private static let methodKeys = [
    "name", "timeout", "waitForReady", "retryPolicy", "hedgingPolicy", "maxRequestMessageBytes",
    "maxResponseMessageBytes",
  ]
  private static let nameKeys = ["service", "method"]
  /// The client's own bound of attempts (gRFC A6, "Limits on Retries and Hedges").
  static let maxAttempts = 5

  let source: String
  var problems: [ConfigurationProblem] = []
  var warnings: [ConfigurationProblem] = []
  private(set) var policies: [PolicySelector: MethodPolicy] = [:]

  init(source: String) {
    self.source = source
  }

  mutating func read(_ root: DocumentNode) {
    guard let config = self.object(root, path: "", keys: Self.topKeys) else { return }
    if let methods = config["methodConfig"] {
      guard let elements = methods.elements else {
        self.reject(methods, "methodConfig", "a list")
        return
      }
      for (index, element) in elements.enumerated() {
        self.readMethod(element, path: "methodConfig[\(index)]")
      }
    }
    self.keepApart()
    if let throttling = config["retryThrottling"] { self.readThrottling(throttling) }
  }

  /// The fields of an object that are there and not null. Those that it does not have are ignored, as gRPC does, with a
  /// warning for one that is likely another misspelt.
  mutating func object(_ node: DocumentNode, path: String, keys: [String]) -> [String: DocumentNode]? {
    guard let entries = node.entries else {
      self.reject(node, path, "an object")
      return nil
    }
    for entry in entries where !keys.contains(entry.key) {
      guard let meant = Spelling.nearest(to: entry.key, among: keys) else { continue }
      let path = path.isEmpty ? entry.key : "\(path).\(entry.key)"
      self.warn(line: entry.line, path: path, "is no field, and is ignored; is \(meant) meant?")
    }
    var fields: [String: DocumentNode] = [:]
    for entry in entries where keys.contains(entry.key) {
      if case .null = entry.node.content { continue }
      fields[entry.key] = entry.node
    }
    return fields
  }

  mutating func reject(_ node: DocumentNode, _ path: String, _ allowed: String) {
    self.problems.append(
      ConfigurationProblem(
        source: self.source,
        line: node.line,
        path: path,
        value: node.shown,
        allowed: allowed
      )
    )
  }

  mutating func warn(line: Int, path: String, _ reason: String) {
    self.warnings.append(ConfigurationProblem(source: self.source, line: line, path: path, reason: reason))
  }

  private mutating func readMethod(_ node: DocumentNode, path: String) {
    guard let config = self.object(node, path: path, keys: Self.methodKeys) else { return }
    var policy = MethodPolicy()
    if let timeout = config["timeout"] {
      // A timeout of zero is over at once, and the shortest that a policy has is one nanosecond.
      policy.timeout = self.duration(timeout, path: "\(path).timeout", isPositive: false)
        .map { min(max($0, .nanoseconds(1)), Self.noTimeout) }
    }
    if let waits = config["waitForReady"] {
      if case .value(.flag(let flag)) = waits.content {
        policy.waitForReady = flag
      } else {
        self.reject(waits, "\(path).waitForReady", "true or false")
      }
    }
    if let retry = config["retryPolicy"] { policy.retry = self.retry(retry, path: "\(path).retryPolicy") }
    if let hedging = config["hedgingPolicy"] {
      policy.hedging = self.hedging(hedging, path: "\(path).hedgingPolicy")
      if config["retryPolicy"] != nil {
        self.problems.append(
          ConfigurationProblem(
            source: self.source,
            line: hedging.line,
            path: "\(path).hedgingPolicy",
            reason: "stands beside retryPolicy; allowed: one of them"
          )
        )
      }
    }
    for key in ["maxRequestMessageBytes", "maxResponseMessageBytes"] {
      guard let limit = config[key] else { continue }
      self.warn(
        line: limit.line,
        path: "\(path).\(key)",
        "is not obeyed: the limits of messages are the client's own"
      )
    }
    guard let names = config["name"] else { return }
    guard let elements = names.elements else {
      self.reject(names, "\(path).name", "a list of objects with service and method")
      return
    }
    for (index, element) in elements.enumerated() {
      self.readName(element, path: "\(path).name[\(index)]", policy)
    }
  }

  /// `""`, null and nothing are the same, and mean all services, or all methods of the service.
  private mutating func readName(_ node: DocumentNode, path: String, _ policy: MethodPolicy) {
    guard let name = self.object(node, path: path, keys: Self.nameKeys) else { return }
    var parts: [String: String] = [:]
    for (key, part) in name {
      guard case .value(.text(let text)) = part.content, !text.contains("/") else {
        self.reject(part, "\(path).\(key)", "a name")
        return
      }
      if !text.isEmpty { parts[key] = text }
    }
    let selector: PolicySelector
    switch (parts["service"], parts["method"]) {
    case (nil, nil): selector = .all
    case (let service?, nil): selector = .service(service)
    case (let service?, let method?): selector = .method(service: service, method)
    case (nil, let method?):
      let allowed = "a method with its service"
      self.problems.append(
        ConfigurationProblem(
          source: self.source,
          line: node.line,
          path: "\(path).method",
          value: "\"\(method)\"",
          allowed: allowed
        )
      )
      return
    }
    guard self.policies[selector] == nil else {
      let reason = "is \(selector) again; allowed: each name once"
      self.problems.append(
        ConfigurationProblem(source: self.source, line: node.line, path: path, reason: reason)
      )
      return
    }
    self.policies[selector] = policy
  }

  /// In a service config the most specific entry for a method is the whole of its settings, while annotations fill each
  /// other up. So what a less specific entry sets and a more specific one leaves out is undone in the latter.
  private mutating func keepApart() {
    let written = self.policies
    for (selector, policy) in written {
      for other in selector.lessSpecific {
        guard let other = written[other] else { continue }
        var closed = self.policies[selector] ?? policy
        if other.timeout != nil, policy.timeout == nil { closed.timeout = Self.noTimeout }
        if other.waitForReady != nil, policy.waitForReady == nil { closed.waitForReady = false }
        if other.retry != nil, policy.retry == nil { closed.retry = .off }
        if other.hedging != nil, policy.hedging == nil { closed.hedging = .off }
        self.policies[selector] = closed
      }
    }
  }

  /// One budget for all methods: gRPC has one for each server name.
  private mutating func readThrottling(_ node: DocumentNode) {
    guard let budget = self.throttling(node, path: "retryThrottling") else { return }
    self.policies[.all, default: MethodPolicy()].retryBudget = budget
  }

  /// The longest timeout that there is, ten years, stands for none.
  private static let noTimeout = Duration.seconds(10 * 365 * 86_400)
}

extension RetryPolicy {
  fileprivate static var off: RetryPolicy {
    var policy = RetryPolicy()
    policy.mode = .off
    return policy
  }
}

extension HedgingPolicy {
  fileprivate static var off: HedgingPolicy {
    var policy = HedgingPolicy()
    policy.mode = .off
    return policy
  }
}
