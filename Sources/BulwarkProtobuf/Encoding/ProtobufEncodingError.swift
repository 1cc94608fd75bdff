/// Why a message has no bytes.
public struct ProtobufEncodingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with the message.
  public enum Reason: String, Hashable, Sendable {
    /// Messages are nested deeper than 100 levels, which no receiver would take.
    case tooDeep = "messages are nested deeper than 100 levels"
    /// The message would have more than 2 GiB, the limit of the wire format.
    case tooLarge = "the message is larger than 2 GiB"
    /// A message field that proto2 requires is nil.
    case missingRequiredField = "a required message field is nil"
  }

  /// What is wrong.
  public let reason: Reason

  /// The full name of the outermost message type, for example `consensus.v1.Block`.
  public let message: String

  /// `consensus.v1.Block: the message is larger than 2 GiB`.
  public var description: String { "\(self.message): \(self.reason.rawValue)" }
}
