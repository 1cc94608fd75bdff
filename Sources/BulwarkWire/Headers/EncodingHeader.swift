import BulwarkCore

/// `grpc-encoding` and `grpc-accept-encoding`.
enum EncodingHeader {
  /// The algorithm of a `grpc-encoding`; nil for one that we do not have.
  static func decode(_ value: ArraySlice<UInt8>) -> CompressionAlgorithm? {
    if value.span.equals("identity") { return .identity }
    if value.span.equals("gzip") { return .gzip }
    if value.span.equals("deflate") { return .deflate }
    return nil
  }

  /// Adds the algorithms of a `grpc-accept-encoding`, which has commas between names that may be unknown to us.
  static func decodeList(_ value: ArraySlice<UInt8>, into algorithms: inout CompressionAlgorithms) {
    var rest = value
    while !rest.isEmpty {
      let comma = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
      if let algorithm = self.decode(rest[rest.startIndex..<comma].trimmingSpace()) {
        algorithms.insert(algorithm)
      }
      rest = rest[comma...].dropFirst()
    }
  }

  static func encodeList(_ algorithms: CompressionAlgorithms) -> String {
    CompressionAlgorithm.allCases.filter { algorithms.contains($0) }.map(\.description).joined(separator: ",")
  }
}
