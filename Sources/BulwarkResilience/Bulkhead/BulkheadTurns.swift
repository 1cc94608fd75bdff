/// Whose turn it is among the priorities that wait: the highest, unless another has been passed over too often.
///
/// The bound holds: of any N grants in a row, a priority that waits all the while gets at least one. Proof: a priority
/// is due once N - 2 grants have passed it over, and of those that are due the one passed over most often is served.
/// When c becomes due, the last grant went to another, which therefore has not been passed over at all; so of the two
/// others at most one is due and before c. After it c is served: N - 1 grants at most have passed it over.
struct BulkheadTurns: Sendable {
  /// N.
  var bound: Int
  /// How many grants went to others since each priority last got one, or began to wait.
  private var passedOver: InlineArray<3, Int> = .init(repeating: 0)

  init(bound: Int) {
    self.bound = bound
  }

  /// The priority that is served next, if any waits.
  func next(isWaiting: (BulkheadPriority) -> Bool) -> BulkheadPriority? {
    var highest: BulkheadPriority?
    var due: BulkheadPriority?
    var most = self.bound &- 3
    for priority in BulkheadPriority.descending where isWaiting(priority) {
      highest = highest ?? priority
      if self.passedOver[priority.rawValue] > most {
        most = self.passedOver[priority.rawValue]
        due = priority
      }
    }
    return due ?? highest
  }

  /// The first caller of this priority waits.
  mutating func began(_ priority: BulkheadPriority) {
    self.passedOver[priority.rawValue] = 0
  }

  /// A permit went to this priority, while others may wait.
  mutating func granted(_ priority: BulkheadPriority) {
    for index in self.passedOver.indices { self.passedOver[index] &+= 1 }
    self.passedOver[priority.rawValue] = 0
  }
}

extension BulkheadPriority {
  /// From the highest to the lowest.
  static let descending: [BulkheadPriority] = [.high, .normal, .low]
}
