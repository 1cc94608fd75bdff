import Foundation

/// Where the program writes: results to its output, what is wrong to its error output.
enum Output {
  static func complain(_ problem: some CustomStringConvertible) {
    FileHandle.standardError.write(Data("\(problem)\n".utf8))
  }

  /// JSON with its keys in order, so that two runs can be compared.
  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
