/// The attempts at one operation, from the first one's outcome on: is there another one, and when?
///
///     attempt --settled--> stop, or pushback < 0 -------------------------------> stop
///        ^                 no attempts left ------------------------------------> exhausted
///        |                 not before the deadline, circuit, budget ------------> give up, and say why
///        +--------------- sleep until `retry(at:)` <----------------------------- otherwise
@usableFromInline
struct RetryMachine: Sendable {
  enum Action: Hashable {
    /// The outcome stands, as nobody asks for another attempt.
    case stop
    /// The outcome stands, as all attempts are used up.
    case exhausted
    /// The outcome stands. Another attempt would have been made but for this.
    case giveUp(Rejection.Reason)
    /// The next attempt starts at this instant.
    case retry(at: Int64)
  }

  private let options: RetryOptions
  private let deadline: Int64
  /// How many attempts were settled.
  private(set) var settled = 0
  /// How many delays the backoff has given since the last pushback, which starts it anew (gRFC A6).
  private var backoffs = 0
  private var previous: Int64?

  /// - Parameter deadline: The instant at which no attempt may start any more; `Int64.max` for none.
  init(options: RetryOptions, deadline: Int64) {
    self.options = options
    self.deadline = deadline
  }

  /// The delay before the attempt that is to come.
  var delay: Int64 { self.previous ?? 0 }

  /// An attempt has its outcome, and this was decided about it.
  ///
  /// - Parameters:
  ///   - closedFor: For how long nothing will admit an attempt, if that is so.
  ///   - budget: Takes one retry from the budget, if there is one left. Asked last, so that a retry that does not
  ///     happen costs nothing.
  mutating func attemptSettled(
    _ decision: RetryDecision,
    now: Int64,
    closedFor: Int64?,
    budget: () -> Bool,
    using generator: inout some RandomNumberGenerator
  ) -> Action {
    self.settled += 1
    guard case .retry(let pushback) = decision else { return .stop }
    if let pushback, pushback < .zero { return .stop }
    guard self.settled < self.options.maximumAttempts else { return .exhausted }
    let delay: Int64
    if let pushback {
      guard pushback <= self.options.maximumPushback else { return .giveUp(.deadline) }
      delay = pushback.wholeNanoseconds
      self.backoffs = 0
    } else {
      self.backoffs += 1
      let previous = self.backoffs == 1 ? nil : self.previous
      delay = self.options.backoff.nanoseconds(self.backoffs, after: previous, using: &generator)
    }
    self.previous = delay
    let next = now.saturatingAdding(delay)
    guard next < self.deadline else { return .giveUp(.deadline) }
    if let closedFor, closedFor > delay { return .giveUp(.circuitOpen) }
    guard budget() else { return .giveUp(.budgetExhausted) }
    return .retry(at: next)
  }
}
