/// One thing that is wrong with a file, or with the environment, that policies are read from.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
  /// What was read: `policies.yaml`, `environment`.
  public var source: String
  /// The line, from 1, if there are lines.
  public var line: Int?
  /// The way to the key: `policies."app.Service/Call".rate_limit.rate`, or a variable's name. Empty for what is wrong
  /// with the whole.
  public var path: String
  /// What is wrong with it, and what is allowed: `is "fast"; allowed: a number`.
  public var reason: String

  /// A problem in words.
  public init(source: String, line: Int?, path: String, reason: String) {
    self.source = source
    self.line = line
    self.path = path
    self.reason = reason
  }

  /// A value that is not allowed.
  init(source: String, line: Int?, path: String, value: String, allowed: String) {
    self.init(source: source, line: line, path: path, reason: "is \(value); allowed: \(allowed)")
  }

  public var description: String {
    let place = self.line.map { "\(self.source):\($0)" } ?? self.source
    return self.path.isEmpty ? "\(place): \(self.reason)" : "\(place): \(self.path) \(self.reason)"
  }
}

/// A source of policies that cannot be used, with everything that is wrong with it.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The problems, at least one, in the order of their lines.
  public let problems: [ConfigurationProblem]

  init(_ problems: [ConfigurationProblem]) {
    self.problems = problems.sorted { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) }
  }

  /// One problem per line.
  public var description: String { self.problems.map(\.description).joined(separator: "\n") }
}
