/// Shows a mark for each call as it ends, and begins a new line before one is too long.
struct Strip {
  private static let width = 80
  private static let margin = "     "

  private let screen: Screen
  private var count = 0

  init(on screen: Screen) {
    self.screen = screen
  }

  mutating func add(_ outcome: CallOutcome) {
    if self.count % Self.width == 0 {
      self.screen.write(self.count == 0 ? Self.margin : "\n" + Self.margin)
    }
    self.screen.write(self.screen.painted(outcome.mark, outcome.colour))
    self.count += 1
  }

  /// Ends the line; the next mark begins another strip.
  mutating func end() {
    if self.count > 0 { self.screen.line() }
    self.count = 0
  }

  /// What the marks mean.
  static func legend(on screen: Screen) -> String {
    CallOutcome.allCases.map { "\(screen.painted($0.mark, $0.colour)) \($0.name)" }.joined(separator: "   ")
  }
}
