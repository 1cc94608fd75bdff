/// Says how far the work is: one line that changes on a terminal, a line now and then in a log.
struct ProgressLine {
  private let total: UInt64
  private let screen: Screen

  init(total: UInt64, on screen: Screen) {
    self.total = total
    self.screen = screen
  }

  func show(_ height: UInt64, elapsed: Duration) {
    let text = "   height \(height) of \(self.total) decided, \(elapsed.seconds(digits: 2))"
    if self.screen.isTerminal {
      self.screen.write("\r\(text)" + (height == self.total ? "\n" : ""))
    } else if height == self.total || height % max(1, self.total / 4) == 0 {
      self.screen.line(text)
    }
  }
}
