/// An HPACK encoder that uses no compression, so that each byte of a header block is under control
/// (RFC 7541, section 6.2).
public enum HeaderBlock {
  /// How a literal field is to be treated by the decoder's table.
  public enum Indexing: UInt8, Sendable {
    /// Not added.
    case none = 0x00
    /// Added to the dynamic table; later blocks can refer to it.
    case incremental = 0x40
  }

  /// A literal field with a literal name.
  public static func literal(_ name: [UInt8], _ value: [UInt8], indexing: Indexing = .none) -> [UInt8] {
    [indexing.rawValue] + Self.string(name) + Self.string(value)
  }

  /// A list of literal fields.
  public static func literals(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { Self.literal(Array($0.utf8), Array($1.utf8)) }
  }

  /// A reference to a table entry: 1 to 61 are static, 62 is the newest dynamic one.
  public static func indexed(_ index: Int) -> [UInt8] {
    Self.integer(index, prefix: 7, flags: 0x80)
  }

  /// The block of a well-formed gRPC request.
  public static func request(
    path: String = "/service/method",
    scheme: String = "http",
    adding extra: [(String, String)] = []
  ) -> [UInt8] {
    Self.literals(
      [
        (":method", "POST"), (":scheme", scheme), (":path", path), (":authority", "peer"),
        ("te", "trailers"), ("content-type", "application/grpc"),
      ] + extra
    )
  }

  private static func string(_ bytes: [UInt8]) -> [UInt8] {
    Self.integer(bytes.count, prefix: 7, flags: 0) + bytes
  }

  /// An integer with a prefix of so many bits (RFC 7541, section 5.1).
  private static func integer(_ value: Int, prefix: UInt8, flags: UInt8) -> [UInt8] {
    let limit = (1 << Int(prefix)) - 1
    guard value >= limit else { return [flags | UInt8(truncatingIfNeeded: value)] }
    var bytes = [flags | UInt8(truncatingIfNeeded: limit)]
    var rest = value - limit
    while rest >= 128 {
      bytes.append(UInt8(truncatingIfNeeded: rest % 128 + 128))
      rest /= 128
    }
    return bytes + [UInt8(truncatingIfNeeded: rest)]
  }
}
