import BulwarkProtobuf
import Foundation

/// The messages that can be asked for, by their full names.
struct MessageTable {
  /// What an answer begins with.
  private enum Status: UInt8 {
    case decoded = 0
    case refused = 1
    case unknownName = 2
  }

  private let types: [String: any ProtobufMessage.Type]

  init(_ types: [any ProtobufMessage.Type]) {
    self.types = Dictionary(types.map { ($0.protobufName, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The answer to a frame: a length, a status, and the message encoded again or the error.
  func answer(to frame: [UInt8]) -> Data {
    let nameEnd = min(1 + Int(frame.first ?? 0), frame.count)
    let name = String(decoding: frame.prefix(nameEnd).dropFirst(), as: UTF8.self)
    guard let type = self.types[name] else { return Self.frame(.unknownName, Array(name.utf8)) }
    do {
      let message = try type.init(serializedBytes: frame.dropFirst(nameEnd))
      return Self.frame(.decoded, try message.serializedBytes())
    } catch {
      return Self.frame(.refused, Array("\(error)".utf8))
    }
  }

  private static func frame(_ status: Status, _ body: [UInt8]) -> Data {
    let count = UInt32(truncatingIfNeeded: body.count + 1)
    return Data([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + [status.rawValue] + body)
  }
}
