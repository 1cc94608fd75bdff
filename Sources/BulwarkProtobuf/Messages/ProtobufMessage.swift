/// A Protocol Buffers message as a Swift value.
///
/// Generated types conform; nobody else needs to. A message is a value: copies are independent, two messages are
/// equal when all their fields are (floating-point fields compare as numbers), and it may cross threads freely.
/// Fields that this version of the schema does not know are kept in ``unknownFields`` and written back.
public protocol ProtobufMessage: Hashable, Sendable {
  /// Creates the message with every field at its default.
  init()

  /// The fields that came with the message and that its schema does not know.
  var unknownFields: UnknownFields { get set }

  /// How the message lies in memory while libprotobuf-c works on it. For generated code.
  static var protobufLayout: MessageLayout { get }

  /// Copies the fields of an unpacked message into one that has every field at its default. For generated code.
  ///
  /// - Throws: ``ProtobufDecodingError`` if a field that proto2 requires is missing; some fields are then set.
  mutating func read(from source: MessageReader) throws(ProtobufDecodingError)

  /// Copies the fields into a message that is about to be packed. For generated code.
  func write(to target: MessageWriter)
}

extension ProtobufMessage {
  /// Creates a message and lets the closure set its fields.
  ///
  ///     let vote = Vote.with { $0.height = 7; $0.type = .precommit }
  public static func with<Failure: Error>(
    _ populate: (inout Self) throws(Failure) -> Void
  ) throws(Failure) -> Self {
    var message = Self()
    try populate(&message)
    return message
  }

  /// The full name of the message type in its schema, for example `consensus.v1.Vote`.
  public static var protobufName: String { Self.protobufLayout.name.description }
}
