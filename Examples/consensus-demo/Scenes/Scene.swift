/// A part of the demonstration, which can be played alone.
protocol Scene: Sendable {
  /// What it is called when it begins, and when it does not keep what it promised.
  var title: String { get }

  /// What is set up.
  var setting: String { get }

  /// Shows what happens.
  ///
  /// - Returns: what was to be seen, held against what was.
  func play(on screen: Screen) async throws -> [Promise]
}

/// Something that was to be seen, and what was.
struct Promise: Sendable {
  let text: String
  let seen: String
  let isKept: Bool

  /// The room for the text, so that what was seen stands in a column.
  private static let textWidth = 50

  init(_ text: String, seen: String, isKept: Bool) {
    self.text = text
    self.seen = seen
    self.isKept = isKept
  }

  /// A figure that must be just this one.
  init(_ text: String, seen: Int, expected: Int) {
    self.init(text, seen: "\(seen)", isKept: seen == expected)
  }

  /// The line that tells of it.
  func line(on screen: Screen) -> String {
    let verdict = self.isKept ? screen.painted("kept  ", .green) : screen.painted("BROKEN", .red)
    let padding = String(repeating: " ", count: max(0, Self.textWidth - self.text.count))
    return "   \(verdict)  \(self.text)\(padding)  \(self.seen)"
  }
}
