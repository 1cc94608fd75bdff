/// What a peer may make the decoder spend.
///
/// The whole message is checked against the limits before anything is allocated for it. The memory that is counted
/// is what libprotobuf-c unpacks into; the Swift value that is copied out of it takes about as much again.
public struct ProtobufDecodingLimits: Hashable, Sendable {
  /// How many levels of messages and groups may stand below the outermost message.
  ///
  /// Values above 200 count as 200, because libprotobuf-c spends about 1 KiB of stack on each level.
  public var maximumDepth: Int

  /// How many bytes of memory any message may take while it is decoded.
  public var memoryBase: Int

  /// How many bytes of memory a message may take in addition, for each byte it has on the wire.
  ///
  /// A field of two bytes can stand for an object of a hundred. Many small messages in a repeated field are what
  /// reaches this limit first.
  public var memoryPerWireByte: Int

  /// Creates limits.
  ///
  /// - Parameters:
  ///   - maximumDepth: 100 unless told, as in the C++ and Java implementations.
  ///   - memoryBase: 8 MiB unless told.
  ///   - memoryPerWireByte: 4 unless told.
  public init(maximumDepth: Int = 100, memoryBase: Int = 8 << 20, memoryPerWireByte: Int = 4) {
    self.maximumDepth = maximumDepth
    self.memoryBase = memoryBase
    self.memoryPerWireByte = memoryPerWireByte
  }

  /// The depth that holds.
  var boundedDepth: Int { max(0, min(self.maximumDepth, 200)) }

  /// The memory that a message of this many bytes may take.
  func memory(forWireBytes count: Int) -> Int {
    let (scaled, tooLarge) = self.memoryPerWireByte.multipliedReportingOverflow(by: count)
    let (sum, overflow) = self.memoryBase.addingReportingOverflow(scaled)
    return tooLarge || overflow ? .max : sum
  }
}
