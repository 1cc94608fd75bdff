/// Tells a queue that stands from one that a burst made.
///
/// ```
///            interval over, least delay > target
///   calm  ----------------------------------------->  overloaded
///         <-----------------------------------------
///            interval over, least delay <= target
/// ```
///
/// As in folly's Codel: no drop schedule, but a judgement per interval and a bound of twice the target. Unlike there, a
/// sample is how long the *oldest* waiter has waited when a permit is given out: under LIFO the delay of the one who
/// gets it says nothing about the queue.
struct CoDelMachine: Hashable, Sendable {
  private let target: Int64
  private let interval: Int64
  private var intervalEnd: Int64?
  /// The least delay of this interval so far.
  private var least: Int64?
  private(set) var isOverloaded = false

  init(_ options: CoDel) {
    self.target = options.target.wholeNanoseconds
    self.interval = options.interval.wholeNanoseconds
  }

  /// The longest wait that is still served while the queue is overloaded.
  var bound: Int64 { self.target.saturatingMultiplied(by: 2) }

  /// Ends the interval if it is over.
  ///
  /// - Parameter oldest: How long the oldest waiter has waited; `nil` without one. It is the sample of an interval in
  ///   which nothing moved.
  mutating func advance(to now: Int64, oldest: Int64?) {
    guard let end = self.intervalEnd else {
      self.intervalEnd = now.saturatingAdding(self.interval)
      return
    }
    // More to go than an interval has: the clock went back.
    if end.saturatingSubtracting(now) > self.interval {
      self.intervalEnd = now.saturatingAdding(self.interval)
    } else if now >= end {
      self.isOverloaded = (self.least ?? oldest ?? 0) > self.target
      self.least = nil
      self.intervalEnd = now.saturatingAdding(self.interval)
    }
  }

  /// Takes the queue's delay at one moment: zero when the queue is empty.
  mutating func sample(_ delay: Int64) {
    self.least = min(self.least ?? delay, delay)
  }
}
