/// Keeps a program's policies by name: several users share one by asking for the same name, and an operator sees all.
///
///     let manager = ResilienceManager()
///     let breaker = try manager.circuitBreaker("peers", CircuitBreakerOptions(failureThreshold: 0.3))
///     let blocks = try manager.bulkhead("block_proposals", BulkheadOptions(maximumConcurrent: 8))
///     print(manager.stats.json)
///
/// A policy is used through itself, not through the manager: no call pays for the look-up. Names are apart for each
/// kind of policy. Safe to use from any thread.
public final class ResilienceManager: Sendable {
  /// The events of all its policies, of those that are registered later too. Costs the policies nothing while nobody
  /// listens here.
  public var events: PolicyEvents { self.policies.events }

  /// The clock of the policies that it makes.
  package let clock: PolicyClock
  /// The generator of the policies that it makes.
  package let random: RandomSource
  private let policies = PolicyRegister()

  /// A manager without policies; it gives its clock and its generator to each policy that it makes.
  public init(clock: PolicyClock = .system, random: RandomSource = .system) {
    self.clock = clock
    self.random = random
  }

  // MARK: - Registration

  /// The policy of this kind and name; made with these options if there is none.
  ///
  /// - Throws: ``ManagerError/nameTaken(kind:name:existing:given:)`` if there is one with other options, and
  ///   ``ManagerError/invalidOption(kind:name:_:)`` if one is out of range.
  public func policy<P: Policy>(_ type: P.Type, named name: String, options: P.Options) throws(ManagerError)
    -> P
  {
    let made: P
    do {
      made = try P(name: name, options: options, clock: self.clock, random: self.random)
    } catch {
      throw .invalidOption(kind: P.kind, name: name, error)
    }
    return try self.register(made)
  }

  /// Registers a policy that was made elsewhere.
  ///
  /// - Returns: The policy itself, or the one that was registered under its name before with the same options.
  /// - Throws: ``ManagerError/nameTaken(kind:name:existing:given:)`` if that one has other options.
  @discardableResult
  public func register<P: Policy>(_ policy: P) throws(ManagerError) -> P {
    let existing = self.policies.insert(policy)
    guard let registered = existing as? P else {
      throw .nameTaken(kind: P.kind, name: policy.name, existing: "\(type(of: existing))", given: "\(P.self)")
    }
    guard registered === policy || registered.options == policy.options else {
      throw .nameTaken(
        kind: P.kind,
        name: policy.name,
        existing: "\(registered.options)",
        given: "\(policy.options)"
      )
    }
    return registered
  }

  /// The policy of this kind and name, if there is one.
  public func policy<P: Policy>(_ type: P.Type, named name: String) -> P? {
    self.policies.find(type, name)
  }

  /// Forgets the policy of this kind and name. Whoever has it can go on using it.
  ///
  /// - Returns: The policy, or `nil` if there is none.
  @discardableResult
  public func remove<P: Policy>(_ type: P.Type, named name: String) -> P? {
    self.policies.remove(type, name)
  }

  /// Replaces a policy's options at once; it keeps its state.
  ///
  /// - Throws: ``ManagerError/unknown(kind:name:)`` or ``ManagerError/invalidOption(kind:name:_:)``; then nothing has
  ///   changed.
  public func reconfigure<P: Policy>(_ type: P.Type, named name: String, options: P.Options)
    throws(ManagerError)
  {
    guard let policy = self.policy(type, named: name) else { throw .unknown(kind: P.kind, name: name) }
    do {
      try policy.reconfigure(options)
    } catch {
      throw .invalidOption(kind: P.kind, name: name, error)
    }
  }

  // MARK: - Watching

  /// The figures of all policies. Each policy's are taken on their own, while others go on.
  public var stats: ManagerStats {
    var stats = ManagerStats()
    for policy in self.policies.all { stats.add(policy) }
    return stats
  }

  /// Whether the program can do its work: at most so many circuits are open, by themselves or by hand.
  ///
  /// A circuit whose break is over does not count as open: it admits the next call, and a program that is not ready may
  /// never get one.
  public func readiness(maximumOpenCircuits: Int = 3) -> Readiness {
    let open = self.policies.all.compactMap { policy -> String? in
      guard let breaker = policy as? CircuitBreaker else { return nil }
      return breaker.retryAfter(at: breaker.clock.nanoseconds) == nil ? nil : breaker.name
    }
    return Readiness(openCircuits: open.sorted(), maximumOpenCircuits: maximumOpenCircuits)
  }

  /// How long it takes until the first break of an open circuit is over: readiness may be another then, and no event
  /// says so. `nil` if no circuit is open, or all that are were opened by hand.
  package var timeToBreakEnd: Duration? {
    let breaks = self.policies.all.compactMap { policy -> Int64? in
      guard let breaker = policy as? CircuitBreaker else { return nil }
      return breaker.retryAfter(at: breaker.clock.nanoseconds)
    }
    return breaks.filter { $0 < .max }.min().map { .nanoseconds($0) }
  }
}

/// Whether a program can do its work, as far as its circuits tell.
public struct Readiness: Hashable, Sendable, Codable {
  /// The names of the circuits that are open, in order.
  public var openCircuits: [String]
  /// How many may be.
  public var maximumOpenCircuits: Int

  /// An answer from these circuits.
  public init(openCircuits: [String], maximumOpenCircuits: Int) {
    self.openCircuits = openCircuits
    self.maximumOpenCircuits = maximumOpenCircuits
  }

  /// No more circuits are open than may be.
  public var isReady: Bool { self.openCircuits.count <= self.maximumOpenCircuits }
}
