public import BulwarkCore

extension MessageCodec where Message: ProtobufMessage {
  /// The codec of a generated message, with the default limits of decoding.
  @inlinable
  public static var protobuf: Self { .protobuf(limits: ProtobufDecodingLimits()) }

  /// The codec of a generated message.
  ///
  /// What cannot be decoded or encoded is INTERNAL, as in other gRPC implementations; the message of the error
  /// names the message type and the field.
  @inlinable
  public static func protobuf(limits: ProtobufDecodingLimits) -> Self {
    MessageCodec(
      keepsBuffer: false,
      encode: { (message, buffer) throws(RPCError) in
        do throws(ProtobufEncodingError) {
          try message.serialize(into: &buffer)
        } catch {
          throw RPCError(code: .internalError, message: "cannot encode \(error)")
        }
      },
      decode: { (buffer) throws(RPCError) in
        do throws(ProtobufDecodingError) {
          return try Message(serializedBuffer: buffer, limits: limits)
        } catch {
          throw RPCError(code: .internalError, message: "cannot decode \(error)")
        }
      }
    )
  }
}
