import BulwarkCore
import BulwarkHTTP2

/// What a server makes of the header block of a request.
///
/// The method and scheme of the path were checked by the HTTP/2 layer; here is what gRPC asks for.
struct RequestHeaders {
  /// How a request that is no gRPC call of ours is turned away.
  enum Rejection: Equatable {
    /// Plain HTTP: the peer does not speak gRPC.
    case http(status: Int)
    /// A gRPC status, sent as trailers-only.
    case status(RPCError)
    /// A gRPC status, with the encodings that are taken.
    case unknownEncoding(RPCError)
  }

  var path: ArraySlice<UInt8> = []
  private(set) var recurring: RecurringMetadata
  /// The time that the client gives the call, in nanoseconds.
  var timeout: Int64?
  /// What the requests may be compressed with.
  var encoding = CompressionAlgorithm.identity
  /// What the client reads.
  var acceptedEncodings: CompressionAlgorithms = []

  var metadata: Metadata { self.recurring.metadata }

  private init(after earlier: Metadata) {
    self.recurring = RecurringMetadata(after: earlier)
  }

  private var isPost = false
  private var isGRPC = false
  private var acceptsTrailers = false
  private var unknownEncoding: String?

  /// Reads the block.
  ///
  /// HTTP-level faults come first, then those of gRPC: a peer that does not speak gRPC would not understand a
  /// gRPC status.
  ///
  /// - Parameters:
  ///   - accepted: what requests may be compressed with.
  ///   - earlier: the metadata of an earlier request, which is likely to be this one's too.
  static func parse(
    _ fields: some Sequence<HTTP2Field>,
    in bytes: [UInt8],
    accepting accepted: CompressionAlgorithms,
    after earlier: Metadata
  ) -> Result {
    var headers = RequestHeaders(after: earlier)
    var fault: RPCError?
    let span = bytes.span
    for field in fields {
      let name = HeaderName(span.extracting(field.name))
      if let error = headers.read(field, name, span.extracting(field.value), in: bytes) {
        fault = fault ?? error
      }
    }
    if !headers.isPost { return .rejected(.http(status: 405)) }
    if !headers.isGRPC { return .rejected(.http(status: 415)) }
    if let fault { return .rejected(.status(fault)) }
    if !accepted.contains(headers.encoding) {
      headers.unknownEncoding = headers.encoding.description
    }
    if let encoding = headers.unknownEncoding {
      let list = EncodingHeader.encodeList(accepted)
      return .rejected(
        .unknownEncoding(
          RPCError(
            code: .unimplemented,
            message: "grpc-encoding \"\(encoding)\" is none of those supported: \(list)"
          )
        )
      )
    }
    guard headers.acceptsTrailers else {
      return .rejected(
        .status(
          RPCError(
            code: .internalError,
            message: "the request lacks \"te: trailers\": something on the way does not pass trailers on"
          )
        )
      )
    }
    return .accepted(headers)
  }

  enum Result {
    case accepted(RequestHeaders)
    case rejected(Rejection)
  }

  private mutating func read(
    _ field: HTTP2Field,
    _ name: HeaderName,
    _ span: Span<UInt8>,
    in bytes: [UInt8]
  ) -> RPCError? {
    // Sliced where an array is needed: each slice counts as one more reference.
    var value: ArraySlice<UInt8> { bytes[field.value] }
    switch name {
    case .method:
      self.isPost = span.equals("POST")
    case .path:
      self.path = value
    case .contentType:
      self.isGRPC = ContentType.isGRPC(span)
    case .te:
      self.acceptsTrailers = span.equals("trailers")
    case .grpcTimeout:
      guard let timeout = TimeoutHeader.decode(value.trimmingSpace()) else {
        return RPCError(
          code: .internalError,
          message: "malformed grpc-timeout \"\(String(decoding: value.prefix(16), as: UTF8.self))\""
        )
      }
      self.timeout = timeout
    case .grpcEncoding:
      if let encoding = EncodingHeader.decode(value.trimmingSpace()) {
        self.encoding = encoding
      } else {
        self.unknownEncoding = String(decoding: value.prefix(32), as: UTF8.self)
      }
    case .grpcAcceptEncoding:
      EncodingHeader.decodeList(value, into: &self.acceptedEncodings)
    case .application:
      self.recurring.append(name: bytes[field.name], value: value.trimmingSpace())
    case .applicationBinary:
      let isRead = self.recurring.changeOwn {
        MetadataFields.appendBinary(name: bytes[field.name], value: value, to: &$0)
      }
      guard isRead else {
        return RPCError(
          code: .internalError,
          message: "metadata \"\(String(decoding: bytes[field.name], as: UTF8.self))\" is not base64"
        )
      }
    case .scheme, .authority, .status, .contentLength, .grpcStatus, .grpcMessage, .grpcReserved:
      break
    }
    return nil
  }
}

/// The media type of gRPC: `application/grpc`, alone or followed by `+codec` or `;parameters`.
enum ContentType {
  static func isGRPC(_ value: Span<UInt8>) -> Bool {
    let prefixLength = 16
    guard value.extracting(first: prefixLength).equals("application/grpc") else { return false }
    guard value.count > prefixLength else { return true }
    let next = value[prefixLength]
    return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }
}
