import BenchEcho
import BulwarkProtobuf

extension MessageTable {
  /// The messages of `BenchEcho`.
  static let echo: [any ProtobufMessage.Type] = [
    Msg.self
  ]
}
