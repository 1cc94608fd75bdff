/// A limit that is out of its range.
public struct HTTP2LimitsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The property of ``HTTP2Limits``.
  public var field: String
  /// Its value.
  public var value: Int
  /// The values it may have.
  public var allowed: ClosedRange<Int>

  /// The error for a property with a value outside of what is allowed.
  public init(field: String, value: Int, allowed: ClosedRange<Int>) {
    self.field = field
    self.value = value
    self.allowed = allowed
  }

  /// One sentence that names the property, its value and the range.
  public var description: String {
    "HTTP2Limits.\(self.field) is \(self.value); it must be between \(self.allowed.lowerBound) and "
      + "\(self.allowed.upperBound)"
  }
}

extension HTTP2Limits {
  private struct Rule: Sendable {
    var field: String
    var path: any WritableKeyPath<HTTP2Limits, Int> & Sendable
    var allowed: ClosedRange<Int>
  }

  private static let rules: [Rule] = [
    Rule(field: "maxConcurrentStreams", path: \.maxConcurrentStreams, allowed: 1...65_536),
    Rule(field: "maxHeaderListBytes", path: \.maxHeaderListBytes, allowed: 256...1_048_576),
    Rule(field: "maxHeaderFields", path: \.maxHeaderFields, allowed: 8...8_192),
    Rule(field: "streamWindow", path: \.streamWindow, allowed: 1...0x7fff_ffff),
    Rule(field: "connectionWindow", path: \.connectionWindow, allowed: 65_535...0x7fff_ffff),
    Rule(field: "maxFrameSize", path: \.maxFrameSize, allowed: 16_384...16_777_215),
    Rule(field: "resetBurst", path: \.resetBurst, allowed: 1...1_000_000),
    Rule(field: "resetsPerSecond", path: \.resetsPerSecond, allowed: 1...1_000_000),
    Rule(field: "glitchBurst", path: \.glitchBurst, allowed: 1...1_000_000),
    Rule(field: "glitchesPerSecond", path: \.glitchesPerSecond, allowed: 1...1_000_000),
    Rule(field: "controlFrameBurst", path: \.controlFrameBurst, allowed: 16...1_000_000),
    Rule(field: "controlFramesPerSecond", path: \.controlFramesPerSecond, allowed: 1...1_000_000),
    Rule(field: "maxContinuations", path: \.maxContinuations, allowed: 0...4_096),
    Rule(field: "maxEmptyDataFrames", path: \.maxEmptyDataFrames, allowed: 0...4_096),
    Rule(field: "maxSettingsEntries", path: \.maxSettingsEntries, allowed: 8...4_096),
    Rule(field: "maxOutboundAcks", path: \.maxOutboundAcks, allowed: 16...1_000_000),
    Rule(field: "maxOutboundFrames", path: \.maxOutboundFrames, allowed: 16...1_000_000),
    Rule(field: "maxOutboundBytes", path: \.maxOutboundBytes, allowed: 65_536...0x7fff_ffff),
    Rule(field: "maxNewStreamsPerRead", path: \.maxNewStreamsPerRead, allowed: 1...65_536),
  ]

  /// Throws for the first limit that is out of its range.
  public func validate() throws(HTTP2LimitsError) {
    for rule in Self.rules where !rule.allowed.contains(self[keyPath: rule.path]) {
      throw HTTP2LimitsError(field: rule.field, value: self[keyPath: rule.path], allowed: rule.allowed)
    }
  }

  /// The same limits with each value moved to the nearest one that is allowed.
  func clamped() -> HTTP2Limits {
    var limits = self
    for rule in Self.rules {
      limits[keyPath: rule.path] = min(
        max(limits[keyPath: rule.path], rule.allowed.lowerBound),
        rule.allowed.upperBound
      )
    }
    // As many as may be open at once may also come at once.
    limits.maxNewStreamsPerRead = max(limits.maxNewStreamsPerRead, limits.maxConcurrentStreams)
    return limits
  }
}
