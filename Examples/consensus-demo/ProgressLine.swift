import Foundation

/// Says how far the work is: one line that changes on a terminal, a line now and then in a log.
struct ProgressLine {
  private let total: UInt64
  private let isTerminal = isatty(STDOUT_FILENO) == 1

  init(total: UInt64) {
    self.total = total
  }

  mutating func show(_ height: UInt64, elapsed: Duration) {
    let text = "height \(height) of \(self.total) decided, \(elapsed.seconds(digits: 2)) s"
    if self.isTerminal {
      print("\r\(text)", terminator: height == self.total ? "\n" : "")
    } else if height == self.total || height % max(1, self.total / 4) == 0 {
      print(text)
    }
    fflush(nil)
  }
}

extension Duration {
  /// The duration in seconds with that many digits after the point.
  func seconds(digits: Int) -> String {
    String(format: "%.\(digits)f", self / .seconds(1))
  }

  /// The duration in milliseconds with two digits after the point.
  var milliseconds: String { String(format: "%.2f ms", self / .milliseconds(1)) }
}
