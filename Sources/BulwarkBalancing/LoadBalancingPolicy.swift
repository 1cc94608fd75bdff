/// How a channel spreads its calls over the addresses of its target.
public enum LoadBalancingPolicy: Hashable, Sendable {
  /// All calls go to one address, the first that could be connected. gRPC's default, and ours.
  case pickFirst(PickFirstOptions = PickFirstOptions())
  /// Each call goes to the next address.
  case roundRobin

  /// Checks the policy's options.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    switch self {
    case .pickFirst(let options): try options.validate()
    case .roundRobin: break
    }
  }

  /// A balancer of the policy, whose options are valid.
  package func makeBalancer() -> any LoadBalancer {
    switch self {
    case .pickFirst(let options): PickFirstMachine(options: options)
    case .roundRobin: RoundRobinMachine()
    }
  }
}
