package import BulwarkCore
import BulwarkHTTP2

/// What becomes of metadata, messages and statuses on their way through HTTP/2, for a transport that has none.
///
/// The functions write with what connections write with and read with what they read with, so that a call in memory
/// refuses, cuts and changes the same things as one over a socket.
package enum WireForm {
  /// The metadata of a request, as its server gets it.
  package static func request(_ metadata: Metadata, _ limits: WireLimits) throws(RPCError) -> Metadata {
    guard !metadata.isEmpty else { return metadata }
    var fields = HTTP2FieldList()
    try RequestFields.append(metadata, to: &fields, limit: limits.maxMetadataBytes)
    return self.read(fields).takeMetadata()
  }

  /// The metadata that precedes a response, as its client gets it.
  package static func initial(_ metadata: Metadata, _ limits: WireLimits) throws(RPCError) -> Metadata {
    guard !metadata.isEmpty else { return metadata }
    return self.read(try ResponseFields.headers(metadata, limit: limits.maxMetadataBytes)).takeMetadata()
  }

  /// The metadata that comes with OK, as its client gets it.
  package static func trailing(_ metadata: Metadata, _ limits: WireLimits) throws(RPCError) -> Metadata {
    guard !metadata.isEmpty else { return metadata }
    return self.read(try ResponseFields.okTrailers(metadata, limit: limits.maxMetadataBytes)).takeMetadata()
  }

  /// The status of a call that failed on its server, as its client gets it.
  ///
  /// - Parameter trailing: the metadata that the handler has added to it.
  package static func status(_ error: RPCError, _ trailing: Metadata, _ limits: WireLimits) -> RPCError {
    if trailing.isEmpty, error.metadata.isEmpty, error.message.utf8.count <= limits.maxStatusMessageBytes / 3
    {
      return RPCError(code: error.code, message: error.message, origin: .remote)
    }
    return self.read(ResponseFields.trailersOnly(error, trailing, limits)).trailersOnlyError ?? error
  }

  /// Refuses a message that may not be sent.
  package static func checkSent(_ bytes: Int, _ limits: WireLimits) throws(RPCError) {
    _ = try MessagePrefix.make(length: bytes, limit: limits.maxSendMessageBytes)
  }

  private static func read(_ list: HTTP2FieldList) -> ResponseHeaders {
    let (fields, bytes) = list.received
    return ResponseHeaders(fields, in: bytes)
  }
}
