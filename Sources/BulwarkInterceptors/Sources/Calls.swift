public import BulwarkCore

/// Calls of some methods, and what protects them: one sentence of a ``PolicySet``.
///
/// Each modifier sets what it names and leaves everything else to other sources and to the defaults; ``with(_:)`` reaches
/// the settings that have no word here.
public struct Calls: Sendable {
  let selectors: [PolicySelector]
  private(set) var policy = MethodPolicy()

  /// The calls of these methods.
  public init<each Request, each Response>(to method: repeat RPCMethod<each Request, each Response>) {
    var selectors: [PolicySelector] = []
    for method in repeat each method {
      selectors.append(.method(service: method.descriptor.service, method.descriptor.method))
    }
    self.selectors = selectors
  }

  /// The calls of every method of these services, by their full names.
  public init(toService services: String...) {
    self.selectors = services.map { .service($0) }
  }

  /// The calls of methods that there are no stubs for.
  public init(toMethods methods: [MethodDescriptor]) {
    self.selectors = methods.map { .method(service: $0.service, $0.method) }
  }

  private init(_ selectors: [PolicySelector]) {
    self.selectors = selectors
  }

  /// The calls of every method, those of the health service excepted.
  public static let all = Calls([.all])

  /// Sets anything of ``MethodPolicy``.
  public func with(_ change: (inout MethodPolicy) -> Void) -> Calls {
    var calls = self
    change(&calls.policy)
    return calls
  }
}

extension Calls {
  /// How long a call may take in all.
  public func timeout(_ limit: Duration) -> Calls { self.with { $0.timeout = limit } }

  /// How long each attempt may take.
  public func attemptTimeout(_ limit: Duration) -> Calls { self.with { $0.attemptTimeout = limit } }

  /// After how long without a message a server ends a stream.
  public func idleTimeout(_ limit: Duration) -> Calls { self.with { $0.idleTimeout = limit } }

  /// Has calls wait for a connection.
  public func waitForReady(_ waits: Bool = true) -> Calls { self.with { $0.waitForReady = waits } }

  /// Makes further attempts at calls that failed (``RetryPolicy``).
  public func retry(
    attempts: Int? = nil,
    initialBackoff: Duration? = nil,
    maximumBackoff: Duration? = nil,
    on codes: StatusCodes? = nil
  ) -> Calls {
    self.with { policy in
      var retry = policy.retry ?? RetryPolicy()
      retry.maximumAttempts = attempts ?? retry.maximumAttempts
      retry.initialBackoff = initialBackoff ?? retry.initialBackoff
      retry.maximumBackoff = maximumBackoff ?? retry.maximumBackoff
      retry.retryableCodes = codes ?? retry.retryableCodes
      policy.retry = retry
    }
  }

  /// Makes further attempts beside those that are slow (``HedgingPolicy``).
  public func hedging(attempts: Int? = nil, delay: Duration? = nil, nonFatal codes: StatusCodes? = nil)
    -> Calls
  {
    self.with { policy in
      var hedging = policy.hedging ?? HedgingPolicy()
      hedging.maximumAttempts = attempts ?? hedging.maximumAttempts
      hedging.delay = delay ?? hedging.delay
      hedging.nonFatalCodes = codes ?? hedging.nonFatalCodes
      policy.hedging = hedging
    }
  }

  /// What all retries and hedges may add to the load (``RetryBudgetPolicy``).
  public func retryBudget(ratio: Double? = nil, minimumPerSecond: Double? = nil) -> Calls {
    self.with { policy in
      var budget = policy.retryBudget ?? RetryBudgetPolicy()
      budget.ratio = ratio ?? budget.ratio
      budget.minimumPerSecond = minimumPerSecond ?? budget.minimumPerSecond
      policy.retryBudget = budget
    }
  }

  /// Stops calling who fails (``CircuitBreakerPolicy``).
  public func circuitBreaker(
    failureThreshold: Double? = nil,
    minimumCalls: Int? = nil,
    breakDuration: Duration? = nil,
    as name: String? = nil,
    per scope: PolicyScope? = nil,
    at sides: PolicySides? = nil,
    mode: PolicyMode? = nil
  ) -> Calls {
    self.with { policy in
      var breaker = policy.circuitBreaker ?? CircuitBreakerPolicy()
      breaker.failureThreshold = failureThreshold ?? breaker.failureThreshold
      breaker.minimumCalls = minimumCalls ?? breaker.minimumCalls
      breaker.breakDuration = breakDuration ?? breaker.breakDuration
      breaker.use(name, scope, sides, mode)
      policy.circuitBreaker = breaker
    }
  }

  /// Lets so many calls a second through, with bursts (``RateLimitPolicy``).
  public func rateLimit(
    _ rate: Double? = nil,
    burst: Int? = nil,
    as name: String? = nil,
    per scope: PolicyScope? = nil,
    at sides: PolicySides? = nil,
    mode: PolicyMode? = nil
  ) -> Calls {
    self.with { policy in
      var limit = policy.rateLimit ?? RateLimitPolicy()
      limit.rate = rate ?? limit.rate
      limit.burst = burst ?? limit.burst
      limit.use(name, scope, sides, mode)
      policy.rateLimit = limit
    }
  }

  /// Lets so many calls run at once, and so many wait (``BulkheadPolicy``).
  public func bulkhead(
    _ concurrent: Int? = nil,
    queue: Int? = nil,
    as name: String? = nil,
    per scope: PolicyScope? = nil,
    at sides: PolicySides? = nil,
    mode: PolicyMode? = nil
  ) -> Calls {
    self.with { policy in
      var bulkhead = policy.bulkhead ?? BulkheadPolicy()
      bulkhead.maximumConcurrent = concurrent ?? bulkhead.maximumConcurrent
      bulkhead.queueLimit = queue ?? bulkhead.queueLimit
      bulkhead.use(name, scope, sides, mode)
      policy.bulkhead = bulkhead
    }
  }
}

extension CountingPolicy {
  fileprivate mutating func use(
    _ name: String?,
    _ scope: PolicyScope?,
    _ sides: PolicySides?,
    _ mode: PolicyMode?
  ) {
    self.name = name ?? self.name
    self.scope = scope ?? self.scope
    self.sides = sides ?? self.sides
    self.mode = mode ?? self.mode
  }
}
