import BulwarkCore

/// The methods that an annotation is for.
public enum PolicySelector: Hashable, Sendable, CustomStringConvertible {
  /// Every method.
  case all
  /// Every method of the service of this full name.
  case service(String)
  /// One method of a service.
  case method(service: String, String)

  /// `*`, `package.Service` or `package.Service/Method`; nil if the text is none of them.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    switch (parts.count, parts[0]) {
    case (1, "*"): self = .all
    case (1, let service) where !service.isEmpty: self = .service(service)
    case (2, let service) where !service.isEmpty && parts[1] == "*": self = .service(service)
    case (2, let service) where !service.isEmpty && !parts[1].isEmpty:
      self = .method(service: service, parts[1])
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .all: "*"
    case .service(let service): service
    case .method(let service, let method): "\(service)/\(method)"
    }
  }

  /// Whether it names the method, or the method's service, and does not just mean all.
  func matches(_ method: MethodDescriptor) -> Bool {
    switch self {
    case .all: true
    case .service(let service): service == method.service
    case .method(let service, let name): service == method.service && name == method.method
    }
  }

  /// The more specific, the higher.
  var rank: Int {
    switch self {
    case .all: 0
    case .service: 1
    case .method: 2
    }
  }
}

/// The annotations of one source: a .proto file's, a program's, or a configuration file's.
public struct PolicySet: Sendable {
  /// The name of the source, as it is shown to operators: `consensus.proto`, `code`, `policies.yaml`.
  public var source: String

  /// The annotations, one for each selector.
  public private(set) var policies: [PolicySelector: MethodPolicy] = [:]

  /// A source without annotations.
  public init(source: String = "code") {
    self.source = source
  }

  /// A source with these annotations, as the generator writes them.
  public init(source: String, _ policies: [PolicySelector: MethodPolicy]) {
    self.source = source
    self.policies = policies
  }

  /// Adds an annotation. What it sets takes the place of what an earlier one for the same selector has set.
  public mutating func annotate(_ selector: PolicySelector, _ policy: MethodPolicy) {
    self.policies[selector] = self.policies[selector].map { policy.filled(from: $0) } ?? policy
  }

  /// Those that are for the method, the most specific first.
  ///
  /// The health service is left alone by what is meant for all: whoever cannot ask is taken for dead.
  func annotations(for method: MethodDescriptor) -> [(selector: PolicySelector, policy: MethodPolicy)] {
    self.policies
      .filter { $0.key.matches(method) && !($0.key == .all && method.service == Self.healthService) }
      .sorted { $0.key.rank > $1.key.rank }
      .map { (selector: $0.key, policy: $0.value) }
  }

  static let healthService = "grpc.health.v1.Health"
}
