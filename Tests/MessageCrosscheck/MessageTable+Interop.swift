import BulwarkProtobuf

extension MessageTable {
  /// The messages of `interop.proto`.
  static let interop: [any ProtobufMessage.Type] = [
    EchoRequest.self, EchoResponse.self, Report.self, Failure.self, MetadataEntry.self,
    CollectResponse.self, ExpandRequest.self, HandlerEndRequest.self, HandlerEndResponse.self,
  ]
}
