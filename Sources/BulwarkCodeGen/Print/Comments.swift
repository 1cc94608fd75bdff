import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// The comments of a .proto file as the lines of doc comments.
enum Comments {
  /// The comment before a declaration, or else behind it in the same line; a deprecation follows.
  static func lines(of declaration: some ProvidesSourceCodeLocation, isDeprecated: Bool) -> [String] {
    let location = declaration.sourceCodeInfoLocation
    let leading = Self.text(location?.leadingComments ?? "")
    let lines = leading.isEmpty ? Self.text(location?.trailingComments ?? "") : leading
    guard isDeprecated else { return lines }
    return lines + (lines.isEmpty ? [] : [""]) + ["Deprecated in the schema."]
  }

  private static func text(_ comment: String) -> [String] {
    var lines = comment.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
      String(line.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0.isWhitespace }.reversed())
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    while lines.first?.isEmpty == true { lines.removeFirst() }
    return lines
  }
}
