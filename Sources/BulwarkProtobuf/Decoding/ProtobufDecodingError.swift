/// Why bytes are not a message.
public struct ProtobufDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with the bytes.
  public enum Reason: String, Hashable, Sendable {
    /// The bytes end inside a field.
    case truncated = "the bytes end inside the field"
    /// A tag, a length or a packed value is not what the wire format allows.
    case malformed = "the field is malformed"
    /// A string is not UTF-8.
    case invalidUTF8 = "the string is not UTF-8"
    /// Messages or groups are nested deeper than the limit.
    case tooDeep = "messages are nested too deep"
    /// The message would take more memory than the limit allows.
    case memoryLimitExceeded = "the message takes more memory than its size allows"
    /// The message has more than 2 GiB.
    case tooLarge = "the message is larger than 2 GiB"
    /// A field that the schema requires is missing.
    case missingRequiredField = "the required field is missing"
  }

  /// What is wrong.
  public let reason: Reason

  /// The full name of the message type that the fault is in, for example `consensus.v1.Vote`.
  public let message: String

  /// The name of the field that the fault is in; `#7` for a field number that the schema does not know, and nil
  /// if the fault is in no particular field.
  public let field: String?

  @usableFromInline
  init(_ reason: Reason, message: StaticString, field: String? = nil) {
    self.reason = reason
    self.message = message.description
    self.field = field
  }

  /// `consensus.v1.Vote.block_hash: the bytes end inside the field`.
  public var description: String {
    let place = self.field.map { "\(self.message).\($0)" } ?? self.message
    return "\(place): \(self.reason.rawValue)"
  }
}
