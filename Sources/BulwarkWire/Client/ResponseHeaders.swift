import BulwarkCore
import BulwarkHTTP2

/// What a client makes of a header block of a response: its headers, its trailers, or both in one.
///
/// Not copied: each copy would count a reference to everything that is in it, a sixth of all references of a call.
struct ResponseHeaders: ~Copyable {
  private var metadata = Metadata()
  private var httpStatus = 0
  private var isGRPC = false
  private var grpcStatus: StatusCode?
  private var grpcMessage = ""
  /// What the responses may be compressed with.
  private(set) var encoding = CompressionAlgorithm.identity
  private var unknownEncoding: String?
  private var malformedBinary: String?

  /// - Parameter accepted: what the client has offered to read.
  init(
    _ fields: some Sequence<HTTP2Field>,
    in bytes: ArraySlice<UInt8>,
    accepting accepted: CompressionAlgorithms = []
  ) {
    let span = bytes.span
    for field in fields {
      self.read(field, HeaderName(span.extracting(field.name)), in: bytes)
    }
    if !accepted.contains(self.encoding) {
      self.unknownEncoding = self.encoding.description
    }
  }

  consuming func takeMetadata() -> Metadata { self.metadata }

  private mutating func read(_ field: HTTP2Field, _ name: HeaderName, in bytes: ArraySlice<UInt8>) {
    // Sliced where an array is needed: each slice counts as one more reference.
    var value: ArraySlice<UInt8> { bytes[field.value] }
    switch name {
    case .status:
      self.httpStatus = Self.number(value) ?? 0
    case .contentType:
      self.isGRPC = ContentType.isGRPC(bytes.span.extracting(field.value))
    case .grpcStatus:
      self.grpcStatus = StatusCode(wireValue: Self.number(value.trimmingSpace()) ?? -1)
    case .grpcMessage:
      self.grpcMessage = PercentEncoding.decode(value)
    case .grpcEncoding:
      if let encoding = EncodingHeader.decode(value.trimmingSpace()) {
        self.encoding = encoding
      } else {
        self.unknownEncoding = String(decoding: value.prefix(32), as: UTF8.self)
      }
    case .application:
      self.metadata.append(name: bytes[field.name], value: value.trimmingSpace())
    case .applicationBinary:
      let isRead = MetadataFields.appendBinary(name: bytes[field.name], value: value, to: &self.metadata)
      // Details explain a status; without them it still is one.
      if !isRead, !bytes.span.extracting(field.name).equals("grpc-status-details-bin") {
        self.malformedBinary = String(decoding: bytes[field.name], as: UTF8.self)
      }
    case .method, .path, .scheme, .authority, .te, .contentLength, .grpcTimeout, .grpcAcceptEncoding,
      .grpcReserved:
      break
    }
  }

  /// A number of up to nine digits.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...9).contains(digits.count) else { return nil }
    var number = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = 10 * number + Int(digit - UInt8(ascii: "0"))
    }
    return number
  }

  /// Why this cannot be the start of a gRPC response, or nil.
  var headersError: RPCError? {
    if let error = self.metadataError { return error }
    guard self.httpStatus == 200 else { return self.httpError }
    guard self.isGRPC else {
      return RPCError(
        code: .unknown,
        message: "the response is not gRPC: its content-type is missing or another",
        origin: .transport
      )
    }
    return self.unknownEncoding.map {
      RPCError(
        code: .internalError,
        message: "the response uses grpc-encoding \"\($0)\", which was not offered",
        origin: .transport
      )
    }
  }

  /// The outcome that trailers announce: nil for OK.
  var trailersError: RPCError? {
    guard let code = self.grpcStatus else {
      return RPCError(
        code: .unknown,
        message: "the server ended the call without a status",
        origin: .transport
      )
    }
    return code == .ok ? self.metadataError : self.statusError(code)
  }

  /// The outcome of a response that is one block: nil for OK.
  var trailersOnlyError: RPCError? {
    guard let code = self.grpcStatus else {
      return self.httpStatus == 200
        ? self.headersError ?? self.trailersError
        : self.httpError
    }
    return code == .ok ? self.metadataError : self.statusError(code)
  }

  private func statusError(_ code: StatusCode) -> RPCError {
    RPCError(code: code, message: self.grpcMessage, metadata: self.metadata, origin: .remote)
  }

  private var metadataError: RPCError? {
    self.malformedBinary.map {
      RPCError(code: .internalError, message: "metadata \"\($0)\" is not base64", origin: .transport)
    }
  }

  private var httpError: RPCError {
    RPCError(
      code: StatusMapping.code(httpStatus: self.httpStatus),
      message: "the server answered with HTTP status \(self.httpStatus)",
      origin: .transport
    )
  }
}
