public import BulwarkCore
public import BulwarkInterceptors

extension PolicySet {
  /// Reads the policies of a file whose name ends in `.yaml`, `.yml` or `.json`. The source has the name of the file.
  ///
  /// This blocks until the file is read.
  ///
  /// - Throws: ``ConfigurationError`` if it cannot be read, or for what ``init(configuration:source:methods:)`` throws.
  public init(configurationFile path: String, methods: [MethodDescriptor]? = nil) throws(ConfigurationError) {
    let text = try FileText(path: path).required(at: path)
    try self.init(configuration: text, path: path, methods: methods)
  }

  /// Reads a gRPC service config from a file. The source has the name of the file.
  ///
  /// This blocks until the file is read.
  ///
  /// - Throws: ``ConfigurationError`` if it cannot be read, or for what ``init(serviceConfig:source:warn:)`` throws.
  public init(
    serviceConfigFile path: String,
    warn: (ConfigurationProblem) -> Void = { _ in }
  ) throws(ConfigurationError) {
    let text = try FileText(path: path).required(at: path)
    try self.init(serviceConfig: text, source: Self.source(of: path), warn: warn)
  }

  /// The policies of a file that was read already.
  init(configuration text: String, path: String, methods: [MethodDescriptor]?) throws(ConfigurationError) {
    guard [".yaml", ".yml", ".json"].contains(where: path.hasSuffix) else {
      let reason = "has a name that does not end in .yaml, .yml or .json"
      throw ConfigurationError([ConfigurationProblem(source: path, line: nil, path: "", reason: reason)])
    }
    try self.init(configuration: text, source: Self.source(of: path), methods: methods)
  }

  /// The last part of a path.
  private static func source(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
