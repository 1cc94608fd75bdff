package import BulwarkCore

/// How far a channel, or one endpoint of it, is connected: the states of gRPC's
/// https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md.
public enum ConnectivityState: String, Hashable, Sendable, CaseIterable {
  /// Not connected, and not trying to; a call makes it connect.
  case idle
  /// A connection is being made, or the addresses are being looked for.
  case connecting
  /// Calls can be sent.
  case ready
  /// The last attempts failed. Calls that do not wait for a connection fail, until one is ready.
  case transientFailure
  /// Closed for good.
  case shutdown
}

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
