import BulwarkCore

/// The endpoints of a policy that keeps all of them connected, and the state of the channel that follows from theirs.
///
/// An endpoint that failed stays so until it is ready (gRFC A62, for all such policies by A61): otherwise a channel
/// without one reachable server would say CONNECTING most of the time, and its calls would wait instead of fail.
struct EndpointTable: Sendable {
  struct Entry: Hashable, Sendable {
    var endpoint: BalancedEndpoint
    /// As the channel's state sees it: a failure stays until the endpoint is ready.
    fileprivate(set) var state = ConnectivityState.idle
    var id: EndpointID { self.endpoint.id }
  }

  private(set) var entries: [Entry] = []
  private var places: [EndpointID: Int] = [:]
  private(set) var connecting = 0
  private(set) var ready = 0
  private(set) var failed = 0
  private var wasUpdated = false
  private var error = RPCError.noEndpoints

  /// READY if one is, else CONNECTING if one is, else IDLE if one is, else TRANSIENT_FAILURE.
  var state: ConnectivityState {
    guard self.ready == 0 else { return .ready }
    guard self.connecting == 0 else { return .connecting }
    guard self.failed == self.entries.count else { return .idle }
    return self.wasUpdated ? .transientFailure : .idle
  }

  /// What becomes of a call while no endpoint is ready.
  var withoutReady: Pick.Decision {
    self.state == .transientFailure ? .fail(self.error) : .wait
  }

  func place(of id: EndpointID) -> Int? { self.places[id] }

  /// Takes the new list; an endpoint that was listed before keeps its state.
  mutating func update(_ endpoints: [BalancedEndpoint]) {
    let old = self
    self = EndpointTable()
    self.error = old.entries.isEmpty || endpoints.isEmpty ? .noEndpoints : old.error
    self.wasUpdated = true
    self.entries.reserveCapacity(endpoints.count)
    for endpoint in endpoints where self.places[endpoint.id] == nil {
      self.places[endpoint.id] = self.entries.count
      let state = old.places[endpoint.id].map { old.entries[$0].state } ?? .idle
      self.entries.append(Entry(endpoint: endpoint, state: state))
      self.count(state, 1)
    }
  }

  /// There is no list, and never was one: calls fail with this.
  mutating func resolutionFailed(_ error: RPCError) {
    guard self.entries.isEmpty else { return }
    self.wasUpdated = true
    self.error = error
  }

  /// Sets an endpoint's state, and returns the one before, as the channel sees both; nil if it is not listed.
  mutating func set(_ id: EndpointID, to state: EndpointState) -> (
    old: ConnectivityState, new: ConnectivityState
  )? {
    guard let place = self.places[id] else { return nil }
    if case .transientFailure(let error) = state { self.error = error }
    let old = self.entries[place].state
    self.setState(at: place, to: state.connectivity)
    return (old, self.entries[place].state)
  }

  /// Takes an idle endpoint for connecting, which it is about to be; false if it is not idle.
  mutating func connect(at place: Int) -> Bool {
    guard self.entries[place].state == .idle else { return false }
    self.setState(at: place, to: .connecting)
    return true
  }

  private mutating func setState(at place: Int, to new: ConnectivityState) {
    let old = self.entries[place].state
    guard old != new, old != .transientFailure || new == .ready else { return }
    self.count(old, -1)
    self.entries[place].state = new
    self.count(new, 1)
  }

  private mutating func count(_ state: ConnectivityState, _ difference: Int) {
    switch state {
    case .connecting: self.connecting += difference
    case .ready: self.ready += difference
    case .transientFailure: self.failed += difference
    case .idle, .shutdown: break
    }
  }
}

extension RPCError {
  static let noEndpoints = RPCError(
    code: .unavailable,
    message: "the name resolver gave no addresses",
    origin: .transport
  )
}
