/// The attempts at one operation, several of them under way at once: when does the next one start, and is it over?
///
///     hedging --timer, or a failure that another attempt may mend--> start the next, and set the timer anew
///        |    --all started, deadline, budget, pushback < 0-------> draining (no further start)
///        |    (no timer is set that would fire at the deadline or later)
///     draining --the last one under way failed--> over
///     either  --a success, or a failure that no attempt mends--> over; the rest is cancelled
///
/// A success ends it outside: the shell takes the first one and asks no more.
struct HedgeMachine: Sendable {
  /// What the shell does next.
  struct Action: Hashable {
    /// The number of the attempt that starts now.
    var start: Int?
    /// When ``timerFired(_:now:delay:budget:)`` is due, and which timer that is. It takes the place of the earlier one.
    var timer: Timer?
    /// Nothing is under way and nothing will be: the last failure stands.
    var isOver = false
    /// Why there will be no further attempt, if one was due.
    var gaveUp: Rejection.Reason?
  }

  struct Timer: Hashable {
    var id: Int
    var instant: Int64
  }

  private let maximumAttempts: Int
  private let maximumPushback: Duration
  private let deadline: Int64
  /// How many attempts were started; the first one starts with the machine.
  private(set) var started = 1
  private(set) var underway = 1
  private var isDraining = false
  private var timers = 0

  /// - Parameter deadline: The instant at which no attempt may start any more; `Int64.max` for none.
  init(options: HedgeOptions, deadline: Int64) {
    self.maximumAttempts = options.maximumAttempts
    self.maximumPushback = options.maximumPushback
    self.deadline = deadline
  }

  /// The first attempt has started.
  mutating func begin(now: Int64, delay: Int64) -> Action {
    self.hedge(after: delay, from: now)
  }

  /// The delay after the attempt started last is over.
  mutating func timerFired(_ id: Int, now: Int64, delay: Int64, budget: () -> Bool) -> Action {
    guard id == self.timers, !self.isDraining else { return Action() }
    return self.startNext(now: now, delay: delay, budget: budget)
  }

  /// An attempt has failed, and this was decided about it: `.stop` ends all.
  mutating func attemptFailed(_ decision: RetryDecision, now: Int64, delay: Int64, budget: () -> Bool)
    -> Action
  {
    self.underway -= 1
    guard case .retry(let pushback) = decision else { return Action(isOver: true) }
    if self.isDraining { return self.end() }
    guard let pushback else { return self.startNext(now: now, delay: delay, budget: budget) }
    guard pushback >= .zero else { return self.end() }
    guard pushback <= self.maximumPushback else { return self.end(.deadline) }
    guard self.started < self.maximumAttempts else { return self.end() }
    return self.wait(pushback.wholeNanoseconds, from: now) ?? self.end(.deadline)
  }

  /// The caller went away: no further attempt starts.
  mutating func cancelled() -> Action {
    self.end()
  }

  private mutating func startNext(now: Int64, delay: Int64, budget: () -> Bool) -> Action {
    guard self.started < self.maximumAttempts else { return self.end() }
    guard now < self.deadline else { return self.end(.deadline) }
    guard budget() else { return self.end(.budgetExhausted) }
    self.started += 1
    self.underway += 1
    var action = self.hedge(after: delay, from: now)
    action.start = self.started
    return action
  }

  /// Sets the timer of the next attempt, if one may follow. Without time for the delay there is no timer, but a failure
  /// before the deadline still has the next attempt start.
  private mutating func hedge(after delay: Int64, from now: Int64) -> Action {
    guard self.started < self.maximumAttempts else { return self.end() }
    return self.wait(delay, from: now) ?? Action()
  }

  /// Sets the timer, or stops the one that is set and returns `nil` if it would fire at the deadline or later.
  private mutating func wait(_ delay: Int64, from now: Int64) -> Action? {
    self.timers += 1
    let next = now.saturatingAdding(delay)
    guard next < self.deadline else { return nil }
    return Action(timer: Timer(id: self.timers, instant: next))
  }

  private mutating func end(_ reason: Rejection.Reason? = nil) -> Action {
    self.isDraining = true
    return Action(isOver: self.underway == 0, gaveUp: reason)
  }
}
