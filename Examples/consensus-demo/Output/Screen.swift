import Foundation

/// Where the demonstration is shown: on a terminal with colours and lines that change, or in a plain log.
struct Screen: Sendable {
  enum Colour: Int, Sendable {
    case red = 31
    case green = 32
    case yellow = 33
    case blue = 34
    case magenta = 35
    case bold = 1
  }

  /// Whether a line may be written over.
  let isTerminal: Bool
  private let hasColours: Bool

  /// The screen of this process.
  static let standard = Screen(
    isTerminal: isatty(STDOUT_FILENO) == 1,
    environment: ProcessInfo.processInfo.environment
  )

  /// - Parameter environment: `NO_COLOR` that is set and not empty takes the colours away (no-color.org).
  init(isTerminal: Bool, environment: [String: String]) {
    self.isTerminal = isTerminal
    self.hasColours =
      isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }

  /// Writes a line.
  func line(_ text: String = "") {
    self.write(text + "\n")
  }

  /// Writes something that others follow on the same line.
  func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }

  func painted(_ text: String, _ colour: Colour) -> String {
    self.hasColours ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }
}
