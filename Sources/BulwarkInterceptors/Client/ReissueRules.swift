import BulwarkCore
import BulwarkResilience

/// Which failures another attempt may mend (gRFC A6), and what every call tells the budget.
struct ReissueRules: Sendable {
  private let retryable: StatusCodes
  private let nonFatal: StatusCodes
  private let budget: RetryBudget?

  private static let standardCodes: StatusCodes = [.unavailable]

  init(_ policy: MethodPolicy, budget: RetryBudget?) {
    self.retryable = policy.retry?.retryableCodes ?? Self.standardCodes
    self.nonFatal = policy.hedging?.nonFatalCodes ?? Self.standardCodes
    self.budget = budget
  }

  // MARK: - Retry

  func retryDecision(on error: PolicyError<RPCError>, of request: CallRequest) -> RetryDecision {
    guard request.canBeReissued else { return .stop }
    return self.decision(on: error, self.retryable)
  }

  func hedgeDecision(on error: PolicyError<RPCError>) -> RetryDecision {
    self.decision(on: error, self.nonFatal)
  }

  private func decision(on error: PolicyError<RPCError>, _ codes: StatusCodes) -> RetryDecision {
    switch error {
    case .operation(let failure): return self.decision(on: failure, codes)
    case .rejected(let rejection): return rejection.retryAfter.map { .retry(after: $0) } ?? .stop
    case .timedOut, .cancelled: return .stop
    }
  }

  private func decision(on error: RPCError, _ codes: StatusCodes) -> RetryDecision {
    // Cut off by its own time limit, the attempt says nothing against another one; there is none after the call's.
    if error == .attemptTimedOut { return .retry() }
    guard error.origin != .local, error.origin != .policy else { return .stop }
    switch Pushback(error) {
    case .none: return codes.contains(error.code) ? .retry() : .stop
    case .stop: return codes.contains(error.code) ? .retry(after: .nanoseconds(-1)) : .stop
    case .after(let delay):
      // Whoever is asked to come back later may, even if the code alone would not say so.
      return codes.contains(error.code) || error.code == .resourceExhausted ? .retry(after: delay) : .stop
    }
  }

  // MARK: - Calls that are made once

  func callBegins() { self.budget?.recordRequest() }

  func callSucceeded() { self.budget?.recordSuccess() }

  /// A failure that another attempt could mend, or a server that asks for none, says that the target is in trouble,
  /// whether this method is retried or not (gRFC A6, "Throttling").
  func callFailed(_ error: PolicyError<RPCError>) {
    guard let budget, case .operation(let failure) = error else { return }
    if self.retryable.contains(failure.code) || Pushback(failure) == .stop { budget.recordFailure() }
  }
}

/// What a server says about coming back, in `grpc-retry-pushback-ms`.
enum Pushback: Equatable {
  case none
  /// Not to be tried again: a number below zero, or no number.
  case stop
  case after(Duration)

  init(_ error: RPCError) {
    guard let text = error.metadata[RPCError.pushbackKey] else {
      self = .none
      return
    }
    guard let milliseconds = Int32(text), milliseconds >= 0 else {
      self = .stop
      return
    }
    self = .after(.milliseconds(Int(milliseconds)))
  }
}
