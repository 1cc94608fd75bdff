public import BulwarkInterceptors

extension PolicySet {
  /// Reads a gRPC service config: `methodConfig` with `timeout`, `waitForReady`, `retryPolicy` and `hedgingPolicy`, and
  /// `retryThrottling`.
  ///
  /// The checks are those of gRFC A6 and of `service_config.proto`: attempts above 5 count as 5, backoffs have a jitter
  /// of 0.2 (0.8 to 1.2 times the delay), `tokenRatio` has three decimals. The most specific entry for a method is the
  /// whole of its settings: what it leaves out is not filled up from the others. Other fields are ignored.
  ///
  /// - Parameters:
  ///   - text: JSON.
  ///   - source: The name that the values are shown to come from: the file's.
  ///   - warn: Told of what is ignored and looks like a mistake, and of what counts as another value than was written.
  /// - Throws: ``ConfigurationError`` with everything that is wrong. gRPC then uses none of it, and nor should you.
  public init(
    serviceConfig text: String,
    source: String,
    warn: (ConfigurationProblem) -> Void = { _ in }
  ) throws(ConfigurationError) {
    var reader = ServiceConfigReader(source: source)
    reader.read(try DocumentNode.parse(text, source: source))
    guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
    for warning in reader.warnings { warn(warning) }
    self.init(source: source, reader.policies)
  }
}
