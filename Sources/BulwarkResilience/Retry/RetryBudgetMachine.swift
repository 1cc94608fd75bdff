/// The account of a retry budget, in whole thousandths of a retry.
///
/// In the ratio form it counts what was withdrawn in each eighth of the window; the requests of the same eighths are
/// counted outside, by many threads at once, and come in as a number. In the token form it holds the tokens.
struct RetryBudgetMachine: Sendable {
  /// How many parts a window has, each with its own count.
  static let slots = 8
  private static let whole: Int64 = 1000

  /// The number of a window's part, from the clock's start.
  typealias Epoch = Int64

  private enum Form {
    /// `credit` for each request, `reserve` beside that in each window.
    case ratio(credit: Int64, reserve: Int64, width: Int64)
    case tokens(maximum: Int64, credit: Int64)
  }

  private let form: Form
  private var tokens: Int64 = 0
  /// The latest part of the window that was ever seen: on a clock that goes back, what was withdrawn stays withdrawn.
  private var latest: Epoch = .min
  private var withdrawals: InlineArray<8, Int64> = .init(repeating: 0)

  init(_ options: RetryBudgetOptions) {
    switch options {
    case .ratio(let ofRequests, let minimumPerSecond, let window):
      let seconds = Double(window.wholeNanoseconds) / 1e9
      self.form = .ratio(
        credit: Self.thousandths(ofRequests),
        reserve: Self.thousandths(minimumPerSecond * seconds),
        width: max(window.wholeNanoseconds / Int64(Self.slots), 1)
      )
    case .tokens(let maximum, let ratio):
      let maximum = Int64(maximum).saturatingMultiplied(by: Self.whole)
      self.form = .tokens(maximum: maximum, credit: Self.thousandths(ratio))
      self.tokens = maximum
    }
  }

  private static func thousandths(_ value: Double) -> Int64 {
    Int64(saturating: (value * Double(Self.whole)).rounded())
  }

  /// How long a part of the window is; zero in the token form, which has no window.
  var width: Int64 {
    if case .ratio(_, _, let width) = self.form { width } else { 0 }
  }

  /// Whether a success would change nothing.
  var isFull: Bool {
    if case .tokens(let maximum, _) = self.form { self.tokens >= maximum } else { true }
  }

  /// An attempt succeeded.
  mutating func succeeded() {
    guard case .tokens(let maximum, let credit) = self.form else { return }
    self.tokens = min(self.tokens.saturatingAdding(credit), maximum)
  }

  /// An attempt failed in a way that another one might mend.
  mutating func failed() {
    guard case .tokens = self.form else { return }
    self.tokens = max(self.tokens - Self.whole, 0)
  }

  /// Moves on to the part of the window in which an instant lies, unless that has passed.
  ///
  /// - Returns: The part now reached.
  mutating func advance(to now: Int64) -> Epoch {
    let width = self.width
    guard width > 0 else { return 0 }
    let epoch = RequestWindow.epoch(of: now, width: width)
    guard epoch > self.latest else { return self.latest }
    let isWholeWindowOver = epoch.saturatingSubtracting(self.latest) >= Int64(Self.slots)
    var expired = isWholeWindowOver ? epoch - Int64(Self.slots) : self.latest
    while expired < epoch {
      expired += 1
      self.withdrawals[RequestWindow.slot(of: expired)] = 0
    }
    self.latest = epoch
    return epoch
  }

  /// How many whole retries there are, after ``advance(to:)`` and with this many requests in the window reached.
  func available(requests: Int64) -> Int64 {
    switch self.form {
    case .ratio(let credit, let reserve, _):
      let earned = requests.saturatingMultiplied(by: credit).saturatingAdding(reserve) / Self.whole
      return max(earned.saturatingSubtracting(self.withdrawn), 0)
    case .tokens(let maximum, _):
      // A retry is paid for while more than half is there; each costs a whole token once its failure is told.
      return max((self.tokens - maximum / 2 + Self.whole - 1) / Self.whole, 0)
    }
  }

  private var withdrawn: Int64 {
    self.withdrawals.indices.reduce(0) { $0.saturatingAdding(self.withdrawals[$1]) }
  }

  /// Takes one retry, if there is one.
  ///
  /// - Returns: The part of the window in which it counts.
  mutating func withdraw(requests: Int64) -> Epoch? {
    guard self.available(requests: requests) > 0 else { return nil }
    if case .ratio = self.form { self.withdrawals[RequestWindow.slot(of: self.latest)] += 1 }
    return self.latest
  }

  /// Puts a retry back that was not made, unless it counts no longer.
  mutating func refund(_ epoch: Epoch) {
    guard case .ratio = self.form else { return }
    guard self.latest.saturatingSubtracting(epoch) < Int64(Self.slots) else { return }
    self.withdrawals[RequestWindow.slot(of: epoch)] -= 1
  }
}
