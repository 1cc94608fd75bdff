/// One of the attempts at an operation, as the operation gets to know it.
public struct Attempt: Hashable, Sendable {
  /// Which one it is, from 1.
  public let number: Int
  private let delayNanoseconds: Int64
  private let deadlineNanoseconds: Int64
  /// Whether its deadline is the end of the retry's own `attemptTimeout`, and not that of the caller's time: one that is
  /// cut off then had all the time that an attempt is meant to have.
  @usableFromInline let isCutByOwnLimit: Bool

  init(number: Int, delay: Int64 = 0, deadline: Int64, isCutByOwnLimit: Bool = false) {
    self.number = number
    self.delayNanoseconds = delay
    self.deadlineNanoseconds = deadline
    self.isCutByOwnLimit = isCutByOwnLimit
  }

  /// How long the policy waited before it, after the attempt before; zero for the first.
  public var delay: Duration { .nanoseconds(self.delayNanoseconds) }

  /// When it must have ended, for the operation to pass on to whoever it asks; `nil` if it may take any time.
  public var deadline: PolicyClock.Instant? {
    self.deadlineNanoseconds == .max ? nil : .init(nanoseconds: self.deadlineNanoseconds)
  }
}
