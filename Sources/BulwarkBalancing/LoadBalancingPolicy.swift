/// How a channel spreads its calls over the addresses of its target.
public enum LoadBalancingPolicy: Hashable, Sendable {
  /// All calls go to one address, the first that could be connected. gRPC's default, and ours.
  case pickFirst(PickFirstOptions = PickFirstOptions())
  /// Each call goes to the next address.
  case roundRobin
  /// Each address gets calls in proportion to its weight.
  case weightedRoundRobin(WeightedRoundRobinOptions = WeightedRoundRobinOptions())
  /// Each call goes to the less loaded of two addresses.
  case leastRequest(LeastRequestOptions = LeastRequestOptions())
  /// Calls of the same key go to the same address.
  case ringHash(RingHashOptions = RingHashOptions())

  /// Checks the policy's options.
  ///
  /// - Throws: ``InvalidBalancingOption`` for the first that is out of range.
  public func validate() throws(InvalidBalancingOption) {
    switch self {
    case .pickFirst(let options): try options.validate()
    case .roundRobin: break
    case .weightedRoundRobin(let options): try options.validate()
    case .leastRequest(let options): try options.validate()
    case .ringHash(let options): try options.validate()
    }
  }

  /// A balancer of the policy, whose options are valid.
  ///
  /// - Parameter outlierDetection: Around the policy, if it has a rule; valid too.
  package func makeBalancer(outlierDetection: OutlierDetectionOptions? = nil) -> any LoadBalancer {
    guard let outlierDetection, outlierDetection.isEnabled else { return self.makeBareBalancer() }
    return OutlierDetectionMachine(self.makeBareBalancer(), options: outlierDetection)
  }

  private func makeBareBalancer() -> any LoadBalancer {
    switch self {
    case .pickFirst(let options): PickFirstMachine(options: options)
    case .roundRobin: RoundRobinMachine()
    case .weightedRoundRobin(let options): WeightedRoundRobinMachine(options: options)
    case .leastRequest(let options): LeastRequestMachine(options: options)
    case .ringHash(let options): RingHashMachine(options: options)
    }
  }
}
