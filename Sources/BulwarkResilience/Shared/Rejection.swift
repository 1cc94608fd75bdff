/// A policy's refusal to let an operation start: who refused, why, and when it is worth coming back.
///
/// It says nothing about the operation, which did not run, and so is never an outcome to a circuit breaker.
public struct Rejection: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  /// Why a policy refused.
  public enum Reason: String, Hashable, Sendable, Codable, CaseIterable {
    /// The circuit is open, and the break is not over.
    case circuitOpen
    /// The circuit is held open by hand.
    case circuitForcedOpen
    /// The circuit is half-open, and all its probes are under way.
    case probesExhausted
    /// The circuit is recovering, and admits only a share of what comes.
    case recovering
    /// The rate limit is spent; it comes back with time.
    case rateLimited
    /// More was asked for at once than the policy can ever give: the same request will always be refused.
    case exceedsCapacity
    /// The bulkhead is full, and so is its queue, if it has one.
    case bulkheadFull
    /// The queue was given up for this caller: it waited too long while the queue was overloaded, or a caller of
    /// higher priority took its place.
    case shed
    /// A place would not have come free before the caller's deadline, or did not.
    case deadline
    /// The retry budget is spent.
    case budgetExhausted
    /// The policy was shut down.
    case closed
  }

  /// The policy's kind.
  public var kind: PolicyKind
  /// The policy's name.
  public var policy: String
  /// Why it refused.
  public var reason: Reason
  /// Whole nanoseconds: a refusal is made on the fastest path there is, and a `Duration` takes 128-bit arithmetic.
  private var retryAfterNanoseconds: Int64?

  /// How long to wait before the same request has a chance, in whole nanoseconds; `nil` where the policy cannot tell, or
  /// where no wait helps.
  public var retryAfter: Duration? {
    get { self.retryAfterNanoseconds.map { .nanoseconds($0) } }
    set { self.retryAfterNanoseconds = newValue?.wholeNanoseconds }
  }

  /// A refusal by the policy of this name.
  public init(kind: PolicyKind, policy: String, reason: Reason, retryAfter: Duration? = nil) {
    self.init(kind: kind, policy: policy, reason: reason, retryAfterNanoseconds: retryAfter?.wholeNanoseconds)
  }

  init(kind: PolicyKind, policy: String, reason: Reason, retryAfterNanoseconds: Int64?) {
    self.kind = kind
    self.policy = policy
    self.reason = reason
    self.retryAfterNanoseconds = retryAfterNanoseconds
  }

  public var description: String {
    let hint = self.retryAfter.map { ", retry after \($0)" } ?? ""
    return "\(self.kind.rawValue) \"\(self.policy)\" refused: \(self.reason.rawValue)\(hint)"
  }
}

/// A refusal as the policies hand it to each other: without the name, so that making one touches no shared memory.
@usableFromInline
package struct Refusal: Hashable, Sendable {
  /// Why the policy refused.
  @usableFromInline package var reason: Rejection.Reason
  /// Nanoseconds until the same request has a chance; negative where the policy cannot tell.
  @usableFromInline package var retryAfter: Int64

  /// A refusal; without a hint if the policy cannot tell when to come back.
  @usableFromInline
  package init(_ reason: Rejection.Reason, retryAfter: Int64 = -1) {
    self.reason = reason
    self.retryAfter = retryAfter
  }

  /// The hint as the caller gets it.
  package var retryAfterDuration: Duration? { self.retryAfter < 0 ? nil : .nanoseconds(self.retryAfter) }

  /// The refusal as the caller gets it.
  @usableFromInline
  package func rejection(by policy: String, kind: PolicyKind) -> Rejection {
    let hint = self.retryAfter < 0 ? nil : self.retryAfter
    return Rejection(kind: kind, policy: policy, reason: self.reason, retryAfterNanoseconds: hint)
  }
}
