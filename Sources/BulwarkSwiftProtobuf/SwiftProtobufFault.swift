public import BulwarkCore
import SwiftProtobuf

/// What a client is told of an error of the library, in the words that BulwarkProtobuf has for it.
@usableFromInline
enum SwiftProtobufFault {
  @usableFromInline
  static func decoding(_ message: String, _ error: any Error) -> RPCError {
    let reason =
      switch error as? BinaryDecodingError {
      case .truncated: "the bytes end inside a field"
      case .malformedProtobuf: "a field is malformed"
      case .invalidUTF8: "a string is not UTF-8"
      case .messageDepthLimit: "messages are nested too deep"
      case .missingRequiredFields: "a required field is missing"
      default: "\(error)"
      }
    return RPCError(code: .internalError, message: "cannot decode \(message): \(reason)")
  }

  @usableFromInline
  static func encoding(_ message: String, _ error: any Error) -> RPCError {
    let reason =
      switch error as? BinaryEncodingError {
      // The library has one case for both.
      case .missingRequiredFields: "a required field is missing, or the message is larger than 2 GiB"
      default: "\(error)"
      }
    return RPCError(code: .internalError, message: "cannot encode \(message): \(reason)")
  }
}
