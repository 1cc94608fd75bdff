import BulwarkCore
import BulwarkHTTP2

/// The header lists that a server sends.
enum ResponseFields {
  /// `:status 200` and the content type: what nearly every response starts with.
  static let headers: HTTP2FieldList = {
    var fields = HTTP2FieldList()
    fields.add(name: ":status", value: "200")
    fields.add(name: "content-type", value: "application/grpc")
    return fields
  }()

  /// `grpc-status 0`: what nearly every response ends with.
  static let okTrailers: HTTP2FieldList = {
    var fields = HTTP2FieldList()
    fields.add(name: "grpc-status", value: "0")
    return fields
  }()

  static func headers(_ metadata: Metadata, limit: Int) throws(RPCError) -> HTTP2FieldList {
    guard !metadata.isEmpty else { return self.headers }
    var fields = self.headers
    try self.append(metadata, "initial", to: &fields, limit: limit)
    return fields
  }

  static func okTrailers(_ metadata: Metadata, limit: Int) throws(RPCError) -> HTTP2FieldList {
    guard !metadata.isEmpty else { return self.okTrailers }
    var fields = self.okTrailers
    try self.append(metadata, "trailing", to: &fields, limit: limit)
    return fields
  }

  /// The trailers of a call that failed.
  static func errorTrailers(_ error: RPCError, _ metadata: Metadata, _ limits: WireLimits) -> HTTP2FieldList {
    self.appending(error, metadata, limits, to: HTTP2FieldList())
  }

  /// A response that is one header block: status, and no message (gRPC over HTTP/2, "Trailers-Only").
  static func trailersOnly(_ error: RPCError, _ metadata: Metadata, _ limits: WireLimits) -> HTTP2FieldList {
    self.appending(error, metadata, limits, to: self.headers)
  }

  /// A response to a peer that does not speak gRPC.
  static func http(status: Int) -> HTTP2FieldList {
    var fields = HTTP2FieldList()
    fields.add(name: ":status", value: String(status))
    if status == 405 {
      fields.add(name: "allow", value: "POST")
    }
    return fields
  }

  private static func append(status error: RPCError, _ limits: WireLimits, to fields: inout HTTP2FieldList) {
    fields.add(name: "grpc-status", value: String(error.code.rawValue))
    if !error.message.isEmpty {
      let message = PercentEncoding.encode(error.message, limit: limits.maxStatusMessageBytes)
      fields.add(name: Array("grpc-message".utf8), value: message)
    }
  }

  /// Adds a status and its metadata. What cannot be sent is left out, the details of the error first and then all
  /// metadata: the status matters more.
  private static func appending(
    _ error: RPCError,
    _ metadata: Metadata,
    _ limits: WireLimits,
    to fields: HTTP2FieldList
  ) -> HTTP2FieldList {
    var status = fields
    self.append(status: error, limits, to: &status)
    var all = metadata
    all.add(contentsOf: error.metadata)
    guard !all.isEmpty else { return status }
    let details = "grpc-status-details-bin"
    if let complete = try? self.appending(all, to: status, limit: limits.maxMetadataBytes),
      // Details can be as long as the limit, and what a peer counts is their base64.
      all[binary: details] == nil || complete.listSize <= limits.maxMetadataBytes
    {
      return complete
    }
    all.removeAll(for: details)
    return (try? self.appending(all, to: status, limit: limits.maxMetadataBytes)) ?? status
  }

  private static func appending(
    _ metadata: Metadata,
    to fields: HTTP2FieldList,
    limit: Int
  ) throws(RPCError) -> HTTP2FieldList {
    var fields = fields
    try self.append(metadata, "trailing", to: &fields, limit: limit)
    return fields
  }

  private static func append(
    _ metadata: Metadata,
    _ which: String,
    to fields: inout HTTP2FieldList,
    limit: Int
  ) throws(RPCError) {
    guard metadata.byteCount <= limit else {
      throw RPCError(
        code: .internalError,
        message: "\(which) metadata of \(metadata.byteCount) bytes is larger than the limit of \(limit) bytes"
      )
    }
    try MetadataFields.append(metadata, to: &fields)
  }
}
