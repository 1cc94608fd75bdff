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
  case grpcAcceptEncoding
  case grpcStatus
  case grpcMessage
  /// Any other name that starts with `grpc-`: kept from applications, because the protocol may define it later.
  case grpcReserved
  /// A name that is the application's own.
  case application
  /// An application's name that ends in `-bin`.
  case applicationBinary

  /// The length comes first: it leaves at most three candidates for a comparison.
  init(_ name: Span<UInt8>) {
    switch name.count {
    case 2 where name.equals("te"): self = .te
    case 5 where name.equals(":path"): self = .path
    case 7 where name.equals(":method"): self = .method
    case 7 where name.equals(":scheme"): self = .scheme
    case 7 where name.equals(":status"): self = .status
    case 10 where name.equals(":authority"): self = .authority
    case 11 where name.equals("grpc-status"): self = .grpcStatus
    case 12 where name.equals("content-type"): self = .contentType
    case 12 where name.equals("grpc-timeout"): self = .grpcTimeout
    case 12 where name.equals("grpc-message"): self = .grpcMessage
    case 13 where name.equals("grpc-encoding"): self = .grpcEncoding
    case 14 where name.equals("content-length"): self = .contentLength
    case 20 where name.equals("grpc-accept-encoding"): self = .grpcAcceptEncoding
    default: self = Self.other(name)
    }
  }

  private static func other(_ name: Span<UInt8>) -> HeaderName {
    let isBinary = name.count > 4 && name.extracting(last: 4).equals("-bin")
    guard name.extracting(first: 5).equals("grpc-") else {
      return isBinary ? .applicationBinary : .application
    }
    // These three are read by retry policies and by error details, so applications see them.
    if name.equals("grpc-status-details-bin") { return .applicationBinary }
    if name.equals("grpc-previous-rpc-attempts") || name.equals("grpc-retry-pushback-ms") {
      return .application
    }
    return .grpcReserved
  }
}

extension Span<UInt8> {
  /// Whether these are the bytes of a literal: compared in place, without a string, and without the retain and release
  /// that a slice of an array costs.
  @inline(__always)
  func equals(_ text: StaticString) -> Bool {
    guard self.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { literal in
      for index in self.indices where self[index] != literal[index] { return false }
      return true
    }
  }
}
