import BulwarkCore

/// The interceptor that a client's policies stand in.
struct ClientPolicyInterceptor: Interceptor {
  let use: TargetUse

  var level: InterceptorLevel { .reissue }

  func bound(to method: MethodDescriptor) -> any Interceptor {
    BoundClientPolicies(
      slot: self.use.policies.clientSlot(for: method, to: self.use.target),
      use: self.use
    )
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    try await self.bound(to: request.method).intercept(request, next: next)
  }
}

/// The interceptor of one method.
private struct BoundClientPolicies: Interceptor {
  let slot: PlanSlot<ClientPlan>
  let use: TargetUse

  var level: InterceptorLevel { .reissue }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    guard let plan = self.slot.current else { return try await next(request) }
    return try await plan.run(request, next)
  }
}
