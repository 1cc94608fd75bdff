import BulwarkCore
import BulwarkInterceptors
import Testing

/// What came out of `Protos/annotated.proto`, which sets every key.
struct AnnotatedProtoTests {
  private func effective(_ method: MethodDescriptor) -> EffectivePolicy {
    EffectivePolicy(of: method, from: [AnnotatedMethods.policies])
  }

  @Test func everyKeyOfAPolicyCanBeAnnotated() {
    let policies = AnnotatedMethods.policies.policies.values
    let sections = ["retry", "hedging", "retry_budget", "circuit_breaker", "rate_limit", "bulkhead"]
    let set = policies.flatMap { policy in
      let all = MethodDescriptor(service: "any", method: "Any", kind: .unary)
      return EffectivePolicy(of: all, from: [PolicySet(source: "", [.all: policy])]).lines.map(\.key)
    }
    #expect(Set(set).union(sections) == Set(MethodPolicy.fields.map(\.key)))
  }

  @Test func theValuesAreThoseOfTheFile() {
    let lines = self.effective(AnnotatedMethods.hedged.descriptor).lines
    #expect(
      lines.map { "\($0.key): \($0.value)" } == [
        "timeout: 3600s", "idle_timeout: 3ns", "hedging.maximum_attempts: 3", "hedging.delay: 0ns",
        "hedging.non_fatal_codes: ABORTED,OK", "hedging.mode: off", "retry_budget.ratio: 0.1",
        "retry_budget.minimum_per_second: 5", "retry_budget.window: 20s", "retry_budget.maximum_tokens: 9",
        "retry_budget.token_ratio: 0.2", "rate_limit.rate: 1e-05", "rate_limit.burst: 11",
        "rate_limit.queue_limit: 12", "rate_limit.maximum_wait: 13s", "rate_limit.name: limiter",
        "rate_limit.mode: off", "rate_limit.scope: peer", "rate_limit.sides: server",
        "rate_limit.maximum_peers: 14", "bulkhead.maximum_concurrent: 15", "bulkhead.queue_limit: 0",
        "bulkhead.maximum_wait: 16ms", "bulkhead.discipline: adaptive_lifo", "bulkhead.weight: 17",
        "bulkhead.priority: high", "bulkhead.name: bulkhead", "bulkhead.mode: shadow",
        "bulkhead.scope: peer", "bulkhead.sides: both", "bulkhead.maximum_peers: 18",
      ]
    )
    #expect(lines.first?.origin.description == "annotated.proto (annotated.v1.Annotated)")
    #expect(lines.last?.origin.description == "annotated.proto (annotated.v1.Annotated/Hedged)")
  }

  @Test func anEmptySectionIsThere() {
    let policy = self.effective(AnnotatedMethods.defaulted.descriptor).policy
    #expect(policy.bulkhead == BulkheadPolicy())
    #expect(policy.rateLimit?.name == "\"quoted\"")
  }

  @Test func theIdempotencyLevelIsInTheDescriptor() {
    #expect(AnnotatedMethods.retried.descriptor.idempotency == .noSideEffects)
    #expect(AnnotatedMethods.hedged.descriptor.idempotency == .idempotent)
    #expect(AnnotatedMethods.defaulted.descriptor.idempotency == .unknown)
  }

  @Test func handlersRunWhereTheFileSays() {
    var registry = ServiceRegistry()
    Service().register(in: &registry)
    #expect(
      registry.entries.map { "\($0.descriptor.method) \($0.execution)" } == [
        "Defaulted offLoop", "Hedged onLoop", "Policies offLoop", "Retried offLoop",
      ]
    )
  }
}

private struct Service: Annotated {
  func retried(_ request: AnnotatedMessage, context: CallContext) async throws -> AnnotatedMessage { request }
  func hedged(
    _ request: AnnotatedMessage,
    to responses: ResponseWriter<AnnotatedMessage>,
    context: CallContext
  ) async throws {}
  func defaulted(_ request: AnnotatedMessage, context: CallContext) async throws -> AnnotatedMessage {
    request
  }
  func policies_(_ request: AnnotatedMessage, context: CallContext) async throws -> AnnotatedMessage {
    request
  }
}
