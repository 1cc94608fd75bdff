/// What follows from the outcome of an attempt.
public enum RetryDecision: Hashable, Sendable {
  /// The outcome stands: another attempt would not help, or must not be made.
  case stop
  /// Another attempt may help, after the policy's own delay, or after just this one if whoever failed asked for it (its
  /// pushback, gRFC A6). A pushback below zero asks for no further attempt.
  case retry(after: Duration? = nil)

  /// What follows from an error by default: another attempt.
  ///
  /// There is none after a `CancellationError`, and after a policy's refusal only if that says when to come back, which
  /// is then the delay, unless it is a circuit's (see ``Retry``). An attempt that ran out of its own time is made again.
  public static func standard(for error: some Error) -> RetryDecision {
    (error as? any RetryClassified)?.retryDecision ?? .retry()
  }
}

/// An error that knows what follows from it.
protocol RetryClassified: Error {
  var retryDecision: RetryDecision { get }
}

extension CancellationError: RetryClassified {
  var retryDecision: RetryDecision { .stop }
}

extension Rejection: RetryClassified {
  var retryDecision: RetryDecision { self.retryAfter.map { .retry(after: $0) } ?? .stop }
}

extension PolicyError: RetryClassified {
  @usableFromInline var retryDecision: RetryDecision {
    switch self {
    case .operation(let failure): .standard(for: failure)
    case .rejected(let rejection): rejection.retryDecision
    case .timedOut: .retry()
    case .cancelled: .stop
    }
  }
}

extension PolicyError {
  /// The refusal of one of our policies, if that is what it is.
  @usableFromInline var rejection: Rejection? {
    if case .rejected(let rejection) = self { rejection } else { nil }
  }
}

extension Rejection {
  /// For how long the circuit that refused admits nothing, in nanoseconds, without an end if it does not say; `nil` if
  /// it was no open circuit that refused.
  var circuitClosedFor: Int64? {
    switch self.reason {
    case .circuitOpen, .circuitForcedOpen: self.retryAfter?.wholeNanoseconds ?? .max
    default: nil
    }
  }
}
