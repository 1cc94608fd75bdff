/// How calls of the same key go to the same endpoint: gRPC's `ring_hash` (gRFC A42, A61, A76).
public struct RingHashOptions: Hashable, Sendable {
  /// The ring has at least this many places, which the endpoints share by their weights. Default 1024; 1 to 8,388,608.
  public var minimumRingSize: Int
  /// The ring has at most this many places. Default 4096, where gRPC caps it unless it is told otherwise;
  /// ``minimumRingSize`` to 8,388,608.
  public var maximumRingSize: Int
  /// The metadata key whose value ties a call to an endpoint, several values being joined by commas; a call without it
  /// goes to any. An ASCII key in lower case. Default nil: each call goes to any.
  public var requestHashHeader: String?

  /// The options.
  public init(minimumRingSize: Int = 1024, maximumRingSize: Int = 4096, requestHashHeader: String? = nil) {
    self.minimumRingSize = minimumRingSize
    self.maximumRingSize = maximumRingSize
    self.requestHashHeader = requestHashHeader
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    let largest = 8_388_608
    try OptionCheck.range("minimumRingSize", self.minimumRingSize, in: 1...largest)
    try OptionCheck.range("maximumRingSize", self.maximumRingSize, in: self.minimumRingSize...largest)
    guard let header = self.requestHashHeader else { return }
    let isKey =
      !header.isEmpty
      && header.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0.isDigit || "-_.".utf8.contains($0)
      }
    guard isKey, !header.hasSuffix("-bin") else {
      throw InvalidBalancingOption(
        field: "requestHashHeader",
        value: "\"\(header)\"",
        allowed:
          "a metadata key of lower-case letters, digits, \"-\", \"_\" and \".\" that does not end in -bin"
      )
    }
  }
}
