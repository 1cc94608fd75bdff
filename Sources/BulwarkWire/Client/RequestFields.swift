import BulwarkCore
import BulwarkHTTP2

/// The header lists that a client sends.
///
/// What is the same for every call of a method is built once and kept; a call adds its timeout and metadata.
struct RequestFields {
  /// How many methods are remembered. A program has its methods and no more; a proxy that passes any path on
  /// must not grow without bound.
  private static let maxTemplates = 1024

  private let scheme: String
  private let authority: String
  private let userAgent: String
  /// The `grpc-accept-encoding`; nil if nothing but plain messages is read.
  private let acceptEncoding: String?
  private var templates: [MethodDescriptor: HTTP2FieldList] = [:]

  init(scheme: String, authority: String, userAgent: String, accepted: CompressionAlgorithms = []) {
    self.scheme = scheme
    self.authority = authority
    self.userAgent = userAgent
    self.acceptEncoding = accepted.isOnlyIdentity ? nil : EncodingHeader.encodeList(accepted)
  }

  mutating func fields(
    for request: ClientRequest,
    limit: Int,
    now: MonotonicInstant
  ) throws(RPCError) -> HTTP2FieldList {
    var fields = self.template(for: request.method)
    if let deadline = request.deadline {
      let timeout = TimeoutHeader.encode(nanoseconds: now.duration(to: deadline).saturatedNanoseconds)
      // Different in every call: in the HPACK table it would push out what is the same.
      fields.add(name: "grpc-timeout", value: timeout, neverIndex: true)
    }
    if request.compression != .identity {
      fields.add(name: "grpc-encoding", value: request.compression.description)
    }
    guard !request.metadata.isEmpty else { return fields }
    try Self.append(request.metadata, to: &fields, limit: limit)
    return fields
  }

  /// Adds the metadata of a request.
  static func append(_ metadata: Metadata, to fields: inout HTTP2FieldList, limit: Int) throws(RPCError) {
    guard metadata.byteCount <= limit else {
      throw RPCError(
        code: .resourceExhausted,
        message: "metadata of \(metadata.byteCount) bytes is larger than the limit of \(limit) bytes"
      )
    }
    try MetadataFields.append(metadata, to: &fields)
  }

  private mutating func template(for method: MethodDescriptor) -> HTTP2FieldList {
    if let template = self.templates[method] { return template }
    var fields = HTTP2FieldList()
    fields.add(name: ":method", value: "POST")
    fields.add(name: ":scheme", value: self.scheme)
    fields.add(name: ":path", value: method.path)
    fields.add(name: ":authority", value: self.authority)
    fields.add(name: "te", value: "trailers")
    fields.add(name: "content-type", value: "application/grpc")
    fields.add(name: "user-agent", value: self.userAgent)
    if let acceptEncoding = self.acceptEncoding {
      fields.add(name: "grpc-accept-encoding", value: acceptEncoding)
    }
    if self.templates.count < Self.maxTemplates {
      self.templates[method] = fields
    }
    return fields
  }
}
