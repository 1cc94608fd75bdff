/// What a ``Bulkhead`` is made with.
public struct BulkheadOptions: Hashable, Sendable {
  /// The most permits that are in use at once, the weights of all operations added up. 1 to 1,000,000.
  public var maximumConcurrent: Int
  /// How many callers may wait for a permit; 0 refuses at once whoever does not find one. 0 to 1,000,000.
  public var queueLimit: Int
  /// The longest that a caller waits, whatever its deadline; `nil` leaves it to the deadline. 0 to ten years.
  public var maximumWait: Duration?
  /// Which of the waiters of one priority is next.
  public var discipline: BulkheadDiscipline
  /// Of so many grants in a row, each priority that waits all the while gets at least one. 3 to 1,000.
  public var starvationBound: Int

  /// Options; the defaults admit 50 at once, and let 100 wait in the order in which they came.
  public init(
    maximumConcurrent: Int = 50,
    queueLimit: Int = 100,
    maximumWait: Duration? = nil,
    discipline: BulkheadDiscipline = .fifo,
    starvationBound: Int = 8
  ) {
    self.maximumConcurrent = maximumConcurrent
    self.queueLimit = queueLimit
    self.maximumWait = maximumWait
    self.discipline = discipline
    self.starvationBound = starvationBound
  }

  /// Checks each value.
  ///
  /// - Throws: ``InvalidOption`` for the first that is out of range.
  public func validate() throws(InvalidOption) {
    try OptionCheck.integer("maximumConcurrent", self.maximumConcurrent, in: 1...1_000_000)
    try OptionCheck.integer("queueLimit", self.queueLimit, in: 0...1_000_000)
    if let maximumWait {
      try OptionCheck.duration("maximumWait", maximumWait, in: .zero ... .longestOption)
    }
    if case .adaptiveLIFO(let codel) = self.discipline {
      try codel.validate(as: "discipline.codel")
    }
    // With three priorities, two can be due at once: below three the bound could not be kept for both.
    try OptionCheck.integer("starvationBound", self.starvationBound, in: 3...1000)
  }
}

/// Which of the waiters of one priority gets the next permit.
public enum BulkheadDiscipline: Hashable, Sendable {
  /// The one that has waited longest.
  case fifo
  /// The one that has waited longest; but the newest while the queue is overloaded, when those at its old end are no
  /// longer worth serving, and are shed.
  ///
  /// Overload is what CoDel calls a standing queue (Nichols and Jacobson, "Controlling queue delay", 2012), and the
  /// answer to it that of "Fail at scale" (Maurer, 2015).
  case adaptiveLIFO(codel: CoDel = CoDel())
}

/// When a queue counts as overloaded: when at no time within an interval the oldest waiter had waited less than the
/// target. A burst makes a long queue that empties again; only a queue that stands is overload.
public struct CoDel: Hashable, Sendable {
  /// The queueing delay that is still good. While the queue is overloaded, who has waited for more than twice as long
  /// is shed. 1 microsecond to 1 hour.
  public var target: Duration
  /// The time over which the delay is judged: long enough for a burst to pass. The target to 1 day.
  public var interval: Duration

  /// A judgement by these times.
  public init(target: Duration = .milliseconds(5), interval: Duration = .milliseconds(100)) {
    self.target = target
    self.interval = interval
  }

  func validate(as field: String) throws(InvalidOption) {
    try OptionCheck.duration("\(field).target", self.target, in: .microseconds(1) ... .seconds(3600))
    try OptionCheck.duration("\(field).interval", self.interval, in: self.target ... .seconds(86_400))
  }
}
