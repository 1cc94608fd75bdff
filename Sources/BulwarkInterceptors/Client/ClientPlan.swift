import BulwarkCore
import BulwarkResilience

/// What a client has around the calls of one method to one target.
///
/// From the outside in: time limit, retry or hedging, and in each attempt circuit breaker, rate limiter, bulkhead and the
/// attempt's own time limit.
final class ClientPlan: Sendable {
  private let attempts: ClientAttempts
  private let timeout: Duration?
  private let waitForReady: Bool?
  private let retry: Retry?
  private let hedge: Hedge?
  private let reissues: ReissueRules
  /// What every call is told, if there is no way to protect the method.
  private let failure: RPCError?
  private let hasEffect: Bool

  init(
    _ policy: MethodPolicy,
    policies: CallPolicies,
    retry: Retry?,
    hedge: Hedge?,
    budget: RetryBudget?,
    clock: PolicyClock
  ) {
    self.attempts = ClientAttempts(policy, policies, clock: clock)
    self.timeout = policy.timeout
    self.waitForReady = policy.waitForReady
    self.retry = retry
    self.hedge = hedge
    self.reissues = ReissueRules(policy, budget: budget)
    self.failure = nil
    self.hasEffect =
      !policies.isEmpty || policy.timeout != nil || policy.attemptTimeout != nil || policy.waitForReady != nil
      || retry != nil || hedge != nil || budget != nil
  }

  /// A plan that refuses every call.
  init(refusing failure: RPCError) {
    self.attempts = ClientAttempts(MethodPolicy(), CallPolicies(), clock: .system)
    self.timeout = nil
    self.waitForReady = nil
    self.retry = nil
    self.hedge = nil
    self.reissues = ReissueRules(MethodPolicy(), budget: nil)
    self.failure = failure
    self.hasEffect = true
  }

  var isEmpty: Bool { !self.hasEffect }

  /// Makes the call.
  func run(_ request: CallRequest, _ next: NextCall) async throws(RPCError) -> CallResponse {
    if let failure { throw failure }
    var request = request
    if let timeout {
      let own = MonotonicInstant(nanoseconds: self.attempts.clock.nanoseconds).advanced(by: timeout)
      request.deadline = .earliest(request.deadline, own)
    }
    if let waitForReady { request.waitForReady = waitForReady }
    let depth = AttemptDepth.ofCurrentCall
    if depth > 0 { AttemptDepth.set(depth, on: &request.metadata) }
    // A handler that serves a repeated call repeats none of its own: attempts would multiply from hop to hop.
    if depth == 0, retry != nil { request.keepRequests(upTo: Self.keptBytes) }
    if depth == 0, request.canBeReissued {
      if let retry { return try await self.retried(request, retry, next) }
      if let hedge, request.message != nil, request.method.kind == .unary {
        return try await self.hedged(request, hedge, next)
      }
    }
    return try await self.once(request, next)
  }

  /// How much of what a client streams is kept for further attempts: gRPC C++'s default (`GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE`).
  private static let keptBytes = 256 * 1024

  private func once(_ request: CallRequest, _ next: NextCall) async throws(RPCError) -> CallResponse {
    self.reissues.callBegins()
    do throws(PolicyError<RPCError>) {
      let response = try await self.attempts.make(request, next)
      self.reissues.callSucceeded()
      return response
    } catch {
      self.reissues.callFailed(error)
      throw RPCError(error)
    }
  }

  private func retried(_ request: CallRequest, _ retry: Retry, _ next: NextCall) async throws(RPCError)
    -> CallResponse
  {
    do throws(PolicyError<RPCError>) {
      return try await retry.run(
        deadline: request.deadline.map { PolicyClock.Instant(nanoseconds: $0.nanoseconds) },
        circuit: { self.attempts.circuitClosedFor(at: $0) },
        classify: { (error: PolicyError<RPCError>) in self.reissues.retryDecision(on: error, of: request) },
        operation: { (attempt: Attempt) async throws(PolicyError<RPCError>) -> CallResponse in
          try await self.attempts.make(request.numbered(attempt.number), next)
        }
      )
    } catch {
      throw RPCError(error)
    }
  }

  private func hedged(_ request: CallRequest, _ hedge: Hedge, _ next: NextCall) async throws(RPCError)
    -> CallResponse
  {
    try await withoutActuallyEscaping(next) { next in
      await self.raced(request, hedge, next)
    }.get()
  }

  private func raced(_ request: CallRequest, _ hedge: Hedge, _ next: @escaping NextCall) async
    -> Result<CallResponse, RPCError>
  {
    do throws(PolicyError<RPCError>) {
      return .success(
        try await hedge.run(
          deadline: request.deadline.map { PolicyClock.Instant(nanoseconds: $0.nanoseconds) },
          classify: { (error: PolicyError<RPCError>) in self.reissues.hedgeDecision(on: error) },
          operation: { [attempts] (attempt: Attempt) async throws(PolicyError<RPCError>) -> CallResponse in
            try await attempts.make(request.numbered(attempt.number), next)
          }
        )
      )
    } catch {
      return .failure(RPCError(error))
    }
  }
}

extension CallRequest {
  /// The request as the attempt of this number sends it (gRFC A6, "Exposed retry metadata").
  fileprivate func numbered(_ number: Int) -> CallRequest {
    guard number > 1 else { return self }
    var request = self
    request.attempt = number
    request.metadata.removeAll(for: AttemptDepth.previousAttemptsKey)
    request.metadata.add("\(number - 1)", for: AttemptDepth.previousAttemptsKey)
    return request
  }
}

extension RPCError {
  /// The end of a call as its caller is told.
  fileprivate init(_ error: PolicyError<RPCError>) {
    switch error {
    case .operation(let error): self = error
    case .rejected(let rejection): self.init(rejection)
    case .timedOut: self.init(code: .deadlineExceeded, message: "\(error)")
    case .cancelled: self = .cancelledByCaller
    }
  }
}
