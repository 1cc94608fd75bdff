package import BulwarkCore

/// What an endpoint's connection reports of itself.
package enum EndpointState: Hashable, Sendable {
  case idle
  case connecting
  case ready
  /// An attempt failed, and this is what a call is told of it.
  case transientFailure(RPCError)

  package var connectivity: ConnectivityState {
    switch self {
    case .idle: .idle
    case .connecting: .connecting
    case .ready: .ready
    case .transientFailure: .transientFailure
    }
  }
}
