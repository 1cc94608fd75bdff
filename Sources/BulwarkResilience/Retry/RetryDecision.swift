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

extension RetryDecision {
  /// What follows by default where other attempts may be under way: as ``standard(for:)``, but a policy's refusal says
  /// nothing about those. A circuit's, and one that does not say when to come back, asks for no further attempt.
  @usableFromInline
  static func hedging(after error: some Error) -> RetryDecision {
    guard let rejection = (error as? any RetryClassified)?.innermostRejection else {
      return .standard(for: error)
    }
    let hint = rejection.circuitClosedFor == nil ? rejection.retryAfter : nil
    return .retry(after: hint ?? .seconds(-1))
  }
}

/// An error that knows what follows from it.
protocol RetryClassified: Error {
  var retryDecision: RetryDecision { get }
  /// The refusal that it is, however deep in the errors of policies.
  var innermostRejection: Rejection? { get }
}

extension CancellationError: RetryClassified {
  var retryDecision: RetryDecision { .stop }
  var innermostRejection: Rejection? { nil }
}

extension Rejection: RetryClassified {
  var retryDecision: RetryDecision { self.retryAfter.map { .retry(after: $0) } ?? .stop }
  var innermostRejection: Rejection? { self }
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

  var innermostRejection: Rejection? {
    switch self {
    case .operation(let failure): (failure as? any RetryClassified)?.innermostRejection
    case .rejected(let rejection): rejection
    case .timedOut, .cancelled: nil
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
