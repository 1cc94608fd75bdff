/// What the messages of a call are compressed with (gRPC's "Message Encoding").
public enum CompressionAlgorithm: UInt8, Hashable, CaseIterable, Sendable, CustomStringConvertible {
  /// Not at all.
  case identity
  /// RFC 1952.
  case gzip
  /// zlib's format, RFC 1950.
  case deflate

  /// The name in `grpc-encoding` and `grpc-accept-encoding`.
  public var description: String {
    switch self {
    case .identity: "identity"
    case .gzip: "gzip"
    case .deflate: "deflate"
    }
  }
}

/// Which algorithms one end of a call can read. ``CompressionAlgorithm/identity`` is always among them.
public struct CompressionAlgorithms: Hashable, Sendable, ExpressibleByArrayLiteral {
  private static let identityBit: UInt8 = 1

  package private(set) var bits: UInt8

  package init(bits: UInt8) {
    self.bits = bits | Self.identityBit
  }

  /// These, and identity.
  public init(arrayLiteral algorithms: CompressionAlgorithm...) {
    self.init(bits: 0)
    for algorithm in algorithms {
      self.insert(algorithm)
    }
  }

  /// All that Bulwark has.
  public static let all: CompressionAlgorithms = [.gzip, .deflate]

  /// Whether the algorithm is among them.
  public func contains(_ algorithm: CompressionAlgorithm) -> Bool {
    self.bits & Self.identityBit << algorithm.rawValue != 0
  }

  /// Adds an algorithm.
  public mutating func insert(_ algorithm: CompressionAlgorithm) {
    self.bits |= Self.identityBit << algorithm.rawValue
  }

  /// Whether there is only identity.
  package var isOnlyIdentity: Bool { self.bits == Self.identityBit }
}
