import BulwarkCore
import BulwarkHTTP2

/// What a server makes of the header block of a request.
///
/// The method and scheme of the path were checked by the HTTP/2 layer; here is what gRPC asks for.
///
/// Not copied: each copy would count a reference to everything that is in it, a sixth of all references of a call.
struct RequestHeaders: ~Copyable {
  /// How a request that is no gRPC call of ours is turned away.
  enum Rejection: Equatable {
    /// Plain HTTP: the peer does not speak gRPC.
    case http(status: Int)
    /// A gRPC status, sent as trailers-only.
    case status(RPCError)
    /// A gRPC status, with the encodings that are taken.
    case unknownEncoding(RPCError)
  }

  /// Where the path stands in the bytes of the block.
  private(set) var path = 0..<0
  private var recurring: RecurringMetadata
  /// The time that the client gives the call, in nanoseconds.
  private(set) var timeout: Int64?
  /// Which field of the block says so: the last one, should there be several.
  private(set) var timeoutField: Int?
  /// What the requests may be compressed with.
  private(set) var encoding = CompressionAlgorithm.identity
  /// What the client reads.
  private(set) var acceptedEncodings: CompressionAlgorithms = []

  private var isPost = false
  private var isGRPC = false
  private var acceptsTrailers = false
  private var unknownEncoding: String?

  /// - Parameter earlier: the metadata of an earlier request, which is likely to be this one's too.
  init(after earlier: Metadata) {
    self.recurring = RecurringMetadata(after: earlier)
  }

  /// What the block asks for, and whether the next block's metadata is to be compared with its own.
  consuming func call(of entry: MethodEntry) -> (RequestedCall, hasNewMetadata: Bool) {
    let (encoding, acceptedEncodings) = (self.encoding, self.acceptedEncodings)
    let (metadata, isToBeRemembered) = self.recurring.take()
    let call = RequestedCall(
      entry: entry,
      metadata: metadata,
      encoding: encoding,
      acceptedEncodings: acceptedEncodings
    )
    return (call, isToBeRemembered)
  }

  /// Reads the block.
  ///
  /// HTTP-level faults come first, then those of gRPC: a peer that does not speak gRPC would not understand a
  /// gRPC status.
  ///
  /// - Parameter accepted: what requests may be compressed with.
  /// - Returns: how the request is turned away; nil if it is a call.
  mutating func read(
    _ fields: some Sequence<HTTP2Field>,
    in bytes: ArraySlice<UInt8>,
    accepting accepted: CompressionAlgorithms
  ) -> Rejection? {
    var fault: RPCError?
    let span = bytes.span
    for (index, field) in fields.enumerated() {
      let name = HeaderName(span.extracting(field.name))
      if name == .grpcTimeout { self.timeoutField = index }
      if let error = self.read(field, name, span.extracting(field.value), in: bytes) {
        fault = fault ?? error
      }
    }
    if !self.isPost { return .http(status: 405) }
    if !self.isGRPC { return .http(status: 415) }
    if let fault { return .status(fault) }
    if !accepted.contains(self.encoding) {
      self.unknownEncoding = self.encoding.description
    }
    if let encoding = self.unknownEncoding {
      let list = EncodingHeader.encodeList(accepted)
      return .unknownEncoding(
        RPCError(
          code: .unimplemented,
          message: "grpc-encoding \"\(encoding)\" is none of those supported: \(list)"
        )
      )
    }
    guard self.acceptsTrailers else {
      return .status(
        RPCError(
          code: .internalError,
          message: "the request lacks \"te: trailers\": something on the way does not pass trailers on"
        )
      )
    }
    return nil
  }

  private mutating func read(
    _ field: HTTP2Field,
    _ name: HeaderName,
    _ span: Span<UInt8>,
    in bytes: ArraySlice<UInt8>
  ) -> RPCError? {
    // Sliced where an array is needed: each slice counts as one more reference.
    var value: ArraySlice<UInt8> { bytes[field.value] }
    switch name {
    case .method:
      self.isPost = span.equals("POST")
    case .path:
      self.path = field.value
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
