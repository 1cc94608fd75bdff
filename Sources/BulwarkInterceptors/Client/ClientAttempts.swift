import BulwarkCore
import BulwarkResilience

/// One attempt at a call: what it takes of the policies before it starts, and what it tells them in the end.
final class ClientAttempts: Sendable {
  let clock: PolicyClock
  /// Those that act.
  private let enforced: ResilienceStack
  /// Those that only watch.
  private let watching: CallPolicies
  private let hasPolicies: Bool
  private let cost: StackCost
  private let weight: Int
  private let priority: BulkheadPriority
  private let attemptTimeout: Duration?
  private let classifier: OutcomeClassifier

  init(_ policy: MethodPolicy, _ policies: CallPolicies, clock: PolicyClock) {
    let shadowed = ShadowedPolicies(of: policy)
    var watching = CallPolicies()
    if shadowed.contains(.circuitBreaker) { watching.circuitBreaker = policies.circuitBreaker }
    if shadowed.contains(.rateLimiter) { watching.rateLimiter = policies.rateLimiter }
    if shadowed.contains(.bulkhead) { watching.bulkhead = policies.bulkhead }
    self.clock = clock
    self.enforced = ResilienceStack(
      circuitBreaker: shadowed.contains(.circuitBreaker) ? nil : policies.circuitBreaker,
      rateLimiter: shadowed.contains(.rateLimiter) ? nil : policies.rateLimiter,
      bulkhead: shadowed.contains(.bulkhead) ? nil : policies.bulkhead
    )
    self.watching = watching
    self.hasPolicies = !policies.isEmpty
    self.weight = policy.bulkhead?.weight ?? 1
    self.cost = StackCost(tokens: 1, weight: self.weight)
    self.priority = (policy.bulkhead?.priority ?? .normal).rank
    self.attemptTimeout = policy.attemptTimeout
    self.classifier = OutcomeClassifier(policy.circuitBreaker)
  }

  /// For how long no attempt would be admitted; nil if one would be.
  func circuitClosedFor(at instant: PolicyClock.Instant) -> Duration? {
    self.enforced.circuitBreaker?.retryAfter(at: instant)
  }

  /// Makes one attempt.
  func make(_ request: CallRequest, _ next: NextCall) async throws(PolicyError<RPCError>) -> CallResponse {
    guard self.hasPolicies else {
      return try await self.send(request, next, at: self.clock.nanoseconds).get()
    }
    let deadline = request.deadline?.nanoseconds
    let entry: StackEntry
    if let immediate = self.enforced.enter(at: self.clock.nanoseconds, self.cost, deadline: deadline) {
      entry = immediate
    } else {
      entry = await self.enforced.enterAfterWait(self.cost, self.priority, deadline: deadline)
    }
    switch entry {
    case .rejected(let rejection): throw .rejected(rejection)
    case .cancelled: throw .cancelled
    case .admitted(let ticket):
      let start = self.clock.nanoseconds
      let watch = Watch(self.watching, weight: self.weight, at: start)
      let result = await self.send(request, next, at: start)
      let verdict = self.verdict(on: result, since: start)
      self.enforced.leave(ticket, self.cost, verdict)
      watch?.end(verdict, at: self.clock.nanoseconds)
      return try result.get()
    }
  }

  private func send(_ request: CallRequest, _ next: NextCall, at start: Int64) async
    -> Result<CallResponse, PolicyError<RPCError>>
  {
    do throws(RPCError) {
      guard let attemptTimeout else { return .success(try await next(request)) }
      var request = request
      let own = MonotonicInstant(nanoseconds: start).advanced(by: attemptTimeout)
      let isOwn = request.deadline.map { own < $0 } ?? true
      request.deadline = .earliest(request.deadline, own)
      do throws(RPCError) {
        return .success(try await next(request))
      } catch {
        let isCutOff = isOwn && error.code == .deadlineExceeded && own.nanoseconds <= self.clock.nanoseconds
        throw isCutOff ? .attemptTimedOut : error
      }
    } catch {
      return .failure(.operation(error))
    }
  }

  private func verdict(on result: Result<CallResponse, PolicyError<RPCError>>, since start: Int64) -> Verdict
  {
    switch result {
    case .success: return .success
    case .failure(.operation(let error)):
      let elapsed = self.clock.nanoseconds &- start
      return self.classifier.verdict(on: error, after: elapsed, hadOwnLimit: error == .attemptTimedOut)
    case .failure: return .neutral
    }
  }
}

/// What an attempt has taken of policies that only watch.
private struct Watch {
  private let policies: CallPolicies
  private let weight: Int
  private var ticket: CircuitTicket?
  private var hasPlace = false

  init?(_ policies: CallPolicies, weight: Int, at now: Int64) {
    guard !policies.isEmpty else { return nil }
    self.policies = policies
    self.weight = weight
    if case .admitted(let ticket)? = policies.circuitBreaker?.admit(at: now) { self.ticket = ticket }
    if let refusal = policies.rateLimiter?.take(1, at: now) {
      policies.rateLimiter?.announce(refusal, at: now)
    }
    if let bulkhead = policies.bulkhead { self.hasPlace = bulkhead.take(weight: weight) == nil }
  }

  func end(_ verdict: Verdict, at now: Int64) {
    if self.hasPlace { self.policies.bulkhead?.release(weight: self.weight) }
    if let ticket { self.policies.circuitBreaker?.settle(ticket, as: verdict, at: now) }
  }
}

extension RPCError {
  /// An attempt that was given all the time that an attempt is meant to have.
  static let attemptTimedOut = RPCError(
    code: .deadlineExceeded,
    message: "the attempt took longer than attempt_timeout allows"
  )
}
