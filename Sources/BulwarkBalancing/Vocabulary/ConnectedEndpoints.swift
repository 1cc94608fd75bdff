import BulwarkCore

/// The part that round robin, weighted round robin and least request share: all endpoints are connected, and connected
/// again as soon as they are idle, and calls go to those that are ready.
struct ConnectedEndpoints: Sendable {
  private(set) var table = EndpointTable()
  /// The places in the table of the endpoints that are ready, in the resolver's order.
  private(set) var ready: [Int] = []

  var state: ConnectivityState { self.table.state }

  func id(at place: Int) -> EndpointID { self.table.entries[place].id }

  mutating func update(_ endpoints: [BalancedEndpoint]) -> BalancerActions {
    self.table.update(endpoints)
    self.listReady()
    var actions = BalancerActions(resolve: self.table.entries.isEmpty, repick: true)
    for place in self.table.entries.indices where self.table.connect(at: place) {
      actions.connect.append(self.id(at: place))
    }
    return actions
  }

  mutating func resolutionFailed(_ error: RPCError) -> BalancerActions {
    self.table.resolutionFailed(error)
    return BalancerActions(repick: self.table.entries.isEmpty)
  }

  /// - Returns: what to do, and the endpoint's place if it has just become ready.
  mutating func connectivityChanged(_ id: EndpointID, to state: EndpointState) -> (
    BalancerActions, becameReady: Int?
  ) {
    let before = self.table.state
    guard let place = self.table.place(of: id), let (old, new) = self.table.set(id, to: state) else {
      return (BalancerActions(), nil)
    }
    var actions = BalancerActions()
    switch state {
    case .idle:
      // One whose backoff is over is idle too, though it counts as failed until it is ready.
      actions.connect = [id]
      _ = self.table.connect(at: place)
      actions.resolve = old == .ready
    case .transientFailure:
      actions.resolve = true
    case .connecting, .ready:
      break
    }
    if (old == .ready) != (new == .ready) { self.listReady() }
    actions.repick = new == .ready || self.table.state != before
    return (actions, new == .ready && old != .ready ? place : nil)
  }

  private mutating func listReady() {
    self.ready.removeAll(keepingCapacity: true)
    for (place, entry) in self.table.entries.enumerated() where entry.state == .ready {
      self.ready.append(place)
    }
  }
}
