/// The header names that gRPC gives a meaning to.
enum HeaderName {
  case method
  case path
  case scheme
  case authority
  case status
  case te
  case contentType
  case contentLength
  case grpcTimeout
  case grpcEncoding
  case grpcStatus
  case grpcMessage
  /// Any other name that starts with `grpc-`: kept from applications, because the protocol may define it later.
  case grpcReserved
  /// A name that is the application's own.
  case application
  /// An application's name that ends in `-bin`.
  case applicationBinary

  private static let previousAttempts = Array("grpc-previous-rpc-attempts".utf8)
  private static let retryPushback = Array("grpc-retry-pushback-ms".utf8)
  private static let statusDetails = Array("grpc-status-details-bin".utf8)
  private static let reservedPrefix = Array("grpc-".utf8)
  private static let binarySuffix = Array("-bin".utf8)

  /// Names of a fixed meaning by their length, so that one comparison decides.
  private static let known: [[(name: [UInt8], meaning: HeaderName)]] = {
    let all: [(String, HeaderName)] = [
      (":method", .method), (":path", .path), (":scheme", .scheme), (":authority", .authority),
      (":status", .status), ("te", .te), ("content-type", .contentType), ("content-length", .contentLength),
      ("grpc-timeout", .grpcTimeout), ("grpc-encoding", .grpcEncoding), ("grpc-status", .grpcStatus),
      ("grpc-message", .grpcMessage),
    ]
    var table = [[([UInt8], HeaderName)]](repeating: [], count: 15)
    for (name, meaning) in all {
      table[name.utf8.count].append((Array(name.utf8), meaning))
    }
    return table
  }()

  init(_ name: ArraySlice<UInt8>) {
    if name.count < Self.known.count {
      for candidate in Self.known[name.count] where name.elementsEqual(candidate.name) {
        self = candidate.meaning
        return
      }
    }
    let isBinary = name.count > 4 && name.suffix(4).elementsEqual(Self.binarySuffix)
    if name.starts(with: Self.reservedPrefix) {
      // These three are read by retry policies and by error details, so applications see them.
      if name.elementsEqual(Self.statusDetails) {
        self = .applicationBinary
      } else if name.elementsEqual(Self.previousAttempts) || name.elementsEqual(Self.retryPushback) {
        self = .application
      } else {
        self = .grpcReserved
      }
    } else {
      self = isBinary ? .applicationBinary : .application
    }
  }
}
