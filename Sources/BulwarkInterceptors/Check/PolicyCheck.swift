import BulwarkCore
import BulwarkResilience

/// One rule about what does not go well together: what is wrong with a method's policies, and what to do about it.
struct PolicyCheck: Sendable {
  /// What a rule looks at.
  struct Subject {
    let method: MethodDescriptor
    let policy: MethodPolicy
    /// How many calls a peer may have open on one connection; nil if the method is only called here, not served.
    let streamLimit: Int?
  }

  /// What a rule has found: the keys, the reason and the remedy.
  struct Fault {
    var isFatal = false
    let keys: String
    let reason: String
    let remedy: String
  }

  let find: @Sendable (Subject) -> Fault?

  static let all: [PolicyCheck] = [
    .breakerOnHealth, .attemptAboveTotal, .hedgingTwice, .retryTwice, .unreachableBulkhead,
    .limiterBelowRetries,
    .backoffAboveTotal, .leaseBelowTimeout, .queueOfServersLimiter,
  ]

  /// Whoever asks whether a server is well must be answered, above all when it is not.
  private static let breakerOnHealth = PolicyCheck { subject in
    guard subject.method.service == PolicySet.healthService, subject.policy.circuitBreaker?.isOn == true
    else {
      return nil
    }
    return Fault(
      isFatal: true,
      keys: "circuit_breaker",
      reason: "an open circuit before the health service hides a server that has recovered",
      remedy: "take it off \(PolicySet.healthService)"
    )
  }

  private static let attemptAboveTotal = PolicyCheck { subject in
    guard let attempt = subject.policy.attemptTimeout, let total = subject.policy.timeout, attempt > total
    else {
      return nil
    }
    return Fault(
      isFatal: true,
      keys: "attempt_timeout",
      reason: "an attempt may take \(attempt.policyText), and all attempts together \(total.policyText)",
      remedy: "make attempt_timeout shorter than timeout"
    )
  }

  private static let hedgingTwice = PolicyCheck { subject in
    guard subject.policy.hedging?.isOn == true, subject.method.idempotency == .unknown else { return nil }
    return Fault(
      isFatal: true,
      keys: "hedging",
      reason: "a hedged call is carried out more than once, and nothing says that the method bears it",
      remedy: "set idempotency_level in the .proto, if it is true, or take hedging off"
    )
  }

  private static let retryTwice = PolicyCheck { subject in
    guard let retry = subject.policy.retry, retry.isOn, subject.method.idempotency == .unknown else {
      return nil
    }
    return Fault(
      keys: "retry",
      reason:
        "a call that failed with \((retry.retryableCodes ?? [.unavailable]).policyText) may have been carried out, "
        + "and nothing says that the method bears it twice",
      remedy: "set idempotency_level in the .proto, if it is true, or take retry off"
    )
  }

  private static let unreachableBulkhead = PolicyCheck { subject in
    guard let limit = subject.streamLimit, let bulkhead = subject.policy.bulkhead,
      bulkhead.stands(on: .server)
    else { return nil }
    let places = bulkhead.options.maximumConcurrent + bulkhead.options.queueLimit
    guard places > limit else { return nil }
    return Fault(
      keys: "bulkhead",
      reason:
        "it has room for \(places) calls, and a connection may have \(limit) open: one peer never sees it full",
      remedy:
        "allow more concurrent streams (HTTP2Limits.maxConcurrentStreams), or lower maximum_concurrent and queue_limit"
    )
  }

  private static let limiterBelowRetries = PolicyCheck { subject in
    guard let retry = subject.policy.retry, retry.isOn, let limit = subject.policy.rateLimit,
      limit.stands(on: .client), limit.options.burst < retry.options.maximumAttempts
    else { return nil }
    return Fault(
      keys: "rate_limit.burst",
      reason:
        "a burst of \(limit.options.burst) is less than the \(retry.options.maximumAttempts) attempts of one call",
      remedy: "raise burst to at least maximum_attempts"
    )
  }

  private static let backoffAboveTotal = PolicyCheck { subject in
    guard let retry = subject.policy.retry, retry.isOn, let total = subject.policy.timeout else { return nil }
    let options = retry.options
    var sum = Duration.zero
    var delay = options.backoff.base
    for _ in 1..<max(options.maximumAttempts, 1) {
      sum += delay
      delay = min(delay * (retry.backoffMultiplier ?? 2), options.backoff.maximum)
    }
    guard sum > total else { return nil }
    return Fault(
      keys: "retry, timeout",
      reason: "the delays between \(options.maximumAttempts) attempts add up to \(sum.policyText), "
        + "and the call may take \(total.policyText): the last attempts are never made",
      remedy: "allow more time, fewer attempts or a shorter backoff"
    )
  }

  private static let leaseBelowTimeout = PolicyCheck { subject in
    guard let breaker = subject.policy.circuitBreaker, breaker.isOn, let total = subject.policy.timeout,
      breaker.options.probeLease < total, subject.method.kind == .unary
    else { return nil }
    return Fault(
      keys: "circuit_breaker.probe_lease",
      reason: "a probe counts as failed after \(breaker.options.probeLease.policyText), "
        + "and its call may take \(total.policyText)",
      remedy: "make probe_lease longer than timeout"
    )
  }

  private static let queueOfServersLimiter = PolicyCheck { subject in
    guard subject.streamLimit != nil, let limit = subject.policy.rateLimit, limit.sides == .server,
      (limit.queueLimit ?? 0) > 0
    else { return nil }
    return Fault(
      keys: "rate_limit.queue_limit",
      reason: "on a server no call waits for a token: it is told when to come back",
      remedy: "take queue_limit off, or use a bulkhead with a queue"
    )
  }
}

extension CountingPolicy {
  /// Whether it is there at all.
  var isOn: Bool { self.mode != .off }
}
