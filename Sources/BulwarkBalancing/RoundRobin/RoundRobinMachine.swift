package import BulwarkCore

/// Each call goes to the next endpoint that is ready, in the resolver's order: gRPC's `round_robin`.
///
/// All endpoints are connected, and connected again as soon as they are idle. The first call's endpoint is drawn at
/// random, so that many clients that start together do not all begin with the same one.
package struct RoundRobinMachine: LoadBalancer {
  private var endpoints = ConnectedEndpoints()
  /// Of `endpoints.ready`.
  private var next = 0

  package init() {}

  package var state: ConnectivityState { self.endpoints.state }

  package mutating func update(
    _ endpoints: [BalancedEndpoint],
    now _: MonotonicInstant,
    random: UInt64
  ) -> BalancerActions {
    let actions = self.endpoints.update(endpoints)
    self.next = endpoints.isEmpty ? 0 : Int(random % UInt64(endpoints.count))
    return actions
  }

  package mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    self.endpoints.resolutionFailed(error)
  }

  package mutating func connectivityChanged(
    _ id: EndpointID,
    to state: EndpointState,
    now _: MonotonicInstant
  ) -> BalancerActions {
    self.endpoints.connectivityChanged(id, to: state).0
  }

  package mutating func pick(_: PickContext) -> Pick {
    let ready = self.endpoints.ready
    guard !ready.isEmpty else { return Pick(self.endpoints.table.withoutReady) }
    if self.next >= ready.count { self.next %= ready.count }
    let place = ready[self.next]
    self.next += 1
    return Pick(.endpoint(self.endpoints.id(at: place)))
  }
}
