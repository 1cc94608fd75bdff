public import BulwarkCore

/// Where a `google.rpc.Status` travels beside `grpc-status` and `grpc-message`.
private let detailsName = "grpc-status-details-bin"

extension RPCError {
  /// Creates an error that carries details which the caller's program can act on.
  ///
  ///     throw RPCError(
  ///       code: .resourceExhausted,
  ///       message: "10 votes a second, and no more",
  ///       details: [RetryInfo.with { $0.retryDelay = ProtobufDuration(.seconds(2)) }]
  ///     )
  ///
  /// Any message is a detail; ``RetryInfo``, ``ErrorInfo`` and the others of google/rpc/error_details.proto are those
  /// that every gRPC implementation knows. A ``ProtobufAny`` is sent as it is. The details become one
  /// ``RPCStatus`` in the trailer `grpc-status-details-bin`, which takes the place of one in `metadata` and repeats
  /// `code` and `message`: some clients refuse details whose message is another, so change neither afterwards.
  ///
  /// Details never stand in the way of the status. A server leaves them out where they and the other trailers are
  /// larger, as sent, than `WireLimits.maxMetadataBytes` (16 KiB), and all of them if one has no bytes
  /// (``ProtobufEncodingError``). Clients of gRPC C++ and Python may refuse trailers above 8 KiB: keep details short.
  public init(
    code: StatusCode,
    message: String,
    details: [any ProtobufMessage],
    metadata: Metadata = [:],
    origin: Origin = .local
  ) {
    self.init(code: code, message: message, metadata: metadata, origin: origin)
    guard !details.isEmpty else { return }
    self.metadata.removeAll(for: detailsName)
    if let bytes = try? self.serializedStatus(details) {
      self.metadata.add(binary: bytes, for: detailsName)
    }
  }

  /// What the error says beside its code and message: each detail in order, also of types that nobody here knows.
  ///
  /// Empty if no details came with the error, if their bytes are not a ``RPCStatus``, and if that names another
  /// code than the error has: such a trailer contradicts its own status (gRPC over HTTP/2, "Status-Details"), and
  /// gives nothing to rely on.
  public var details: [ProtobufAny] {
    let values = self.metadata.binaryValues(for: detailsName)
    guard values.count == 1, let status = values.first.flatMap({ try? RPCStatus(serializedBytes: $0) }),
      StatusCode(wireValue: Int(status.code)) == self.code
    else { return [] }
    return status.details
  }

  /// The first detail of this type, or nil if there is none.
  ///
  ///     } catch let error as RPCError {
  ///       if let retry = error.detail(RetryInfo.self) { … }
  ///     }
  ///
  /// A detail that says it is of the type and whose bytes are not is passed over. Each call decodes the trailer anew.
  public func detail<Detail: ProtobufMessage>(_ type: Detail.Type = Detail.self) -> Detail? {
    for detail in self.details {
      if let message = try? detail.message(type) { return message }
    }
    return nil
  }

  private func serializedStatus(_ details: [any ProtobufMessage]) throws(ProtobufEncodingError) -> [UInt8] {
    var status = RPCStatus()
    status.code = Int32(self.code.rawValue)
    status.message = self.message
    for detail in details {
      if let any = detail as? ProtobufAny {
        status.details.append(any)
      } else {
        status.details.append(try ProtobufAny(detail))
      }
    }
    return try status.serializedBytes()
  }
}
