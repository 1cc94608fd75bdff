/// The times within which an operation and each of its attempts must end, in nanoseconds; `Int64.max` for any time.
struct RetryLimits {
  /// The end of an attempt that is cut off when its time is over.
  struct AttemptLimit {
    var end: Int64
    var duration: Int64
  }

  /// When everything must have ended.
  var end: Int64
  /// How long an attempt may take.
  var attempt: Int64
  /// Whether an attempt is cut off at `end`.
  var isTotalLimited: Bool

  /// The attempt that comes now, and its limit if it has one. Reads the clock only then.
  @inline(__always)
  func next(after sequence: RetryMachine?, on clock: PolicyClock) -> (Attempt, AttemptLimit?) {
    let number = (sequence?.settled ?? 0) + 1
    let delay = sequence?.delay ?? 0
    guard self.isTotalLimited || self.attempt < .max else {
      return (Attempt(number: number, delay: delay, deadline: self.end), nil)
    }
    let now = clock.nanoseconds
    let end = min(self.end, now.saturatingAdding(self.attempt))
    let limit = AttemptLimit(end: end, duration: max(end.saturatingSubtracting(now), 0))
    return (Attempt(number: number, delay: delay, deadline: end), limit)
  }
}
