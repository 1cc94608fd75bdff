/// The methods that something applies to: decided once per method, when a server or a chain is put together.
public struct MethodScope: Sendable {
  let contains: @Sendable (MethodDescriptor) -> Bool

  /// Every method.
  public static let all = MethodScope.matching { _ in true }

  /// Every method of these services, by their full names: `consensus.v1.ConsensusService`.
  public static func services(_ names: String...) -> MethodScope {
    let names = Set(names)
    return .matching { names.contains($0.service) }
  }

  /// These methods.
  public static func methods(_ methods: MethodDescriptor...) -> MethodScope {
    let paths = Set(methods.map(\.path))
    return .matching { paths.contains($0.path) }
  }

  /// The methods for which the predicate is true. Its answer is remembered, so it must not change.
  public static func matching(_ predicate: @escaping @Sendable (MethodDescriptor) -> Bool) -> MethodScope {
    MethodScope(contains: predicate)
  }

  /// These methods without those of the other scope.
  public func except(_ other: MethodScope) -> MethodScope {
    .matching { self.contains($0) && !other.contains($0) }
  }
}

extension Interceptor {
  /// The same interceptor around these methods alone.
  public func applied(to scope: MethodScope) -> some Interceptor {
    PlacedInterceptor(wrapped: self, level: self.level, scope: scope)
  }

  /// The same interceptor inside retries: it runs once per attempt.
  public func perAttempt() -> some Interceptor {
    PlacedInterceptor(wrapped: self, level: .attempt, scope: .all)
  }
}

extension AdmissionGate {
  /// The same gate before these methods alone.
  public func applied(to scope: MethodScope) -> some AdmissionGate {
    PlacedGate(wrapped: self, scope: scope)
  }
}

private struct PlacedInterceptor: Interceptor {
  let wrapped: any Interceptor
  let level: InterceptorLevel
  let scope: MethodScope

  func applies(to method: MethodDescriptor) -> Bool {
    self.scope.contains(method) && self.wrapped.applies(to: method)
  }

  func bound(to method: MethodDescriptor) -> any Interceptor { self.wrapped.bound(to: method) }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    try await self.wrapped.intercept(request, next: next)
  }
}

private struct PlacedGate: AdmissionGate {
  let wrapped: any AdmissionGate
  let scope: MethodScope

  func applies(to method: MethodDescriptor) -> Bool {
    self.scope.contains(method) && self.wrapped.applies(to: method)
  }

  func bound(to method: MethodDescriptor) -> any AdmissionGate { self.wrapped.bound(to: method) }

  func admit(_ call: inout ArrivingCall) -> Admission { self.wrapped.admit(&call) }
}
