/// When the addresses of a target are looked for again.
public struct ResolutionOptions: Hashable, Sendable {
  /// A failed or lost connection has the addresses looked up again, but no sooner than this after the last lookup began.
  /// Default 30 s, as in gRPC; zero to ten years.
  public var minimumInterval: Duration
  /// How long after one lookup began the next follows without a cause; nil for never, as in gRPC. Default nil; 1 s to ten
  /// years. Without it an address that is added to the target's is not seen until a connection fails or is lost.
  public var refreshInterval: Duration?

  /// The options; the defaults are gRPC's.
  public init(minimumInterval: Duration = .seconds(30), refreshInterval: Duration? = nil) {
    self.minimumInterval = minimumInterval
    self.refreshInterval = refreshInterval
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    try OptionCheck.range("resolution.minimumInterval", self.minimumInterval, in: .zero ... .longestOption)
    if let refreshInterval {
      try OptionCheck.range("resolution.refreshInterval", refreshInterval, in: .seconds(1) ... .longestOption)
    }
  }
}
