/// How an operation under a policy ends other than well. The operation's own error keeps its type.
public enum PolicyError<Failure: Error>: Error {
  /// The operation ran and threw this.
  case operation(Failure)
  /// A policy refused: the operation did not run, or was not run again.
  case rejected(Rejection)
  /// The operation ran out of the time that a policy gave it, and was cancelled.
  case timedOut(TimedOut)
  /// The task was cancelled while a policy made it wait.
  case cancelled
}

extension PolicyError: Equatable where Failure: Equatable {}
extension PolicyError: Hashable where Failure: Hashable {}

extension PolicyError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .operation(let failure): "\(failure)"
    case .rejected(let rejection): rejection.description
    case .timedOut(let timedOut): timedOut.description
    case .cancelled: "cancelled while waiting"
    }
  }
}

/// An operation did not end within the time that a policy gave it.
public struct TimedOut: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  /// The policy's name.
  public var policy: String
  /// The time that there was.
  public var limit: Duration

  /// An operation that took longer than the policy of this name allows.
  public init(policy: String, limit: Duration) {
    self.policy = policy
    self.limit = limit
  }

  public var description: String { "timeout \"\(self.policy)\": not done within \(self.limit)" }
}
