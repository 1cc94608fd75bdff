/// How connected a client is, as a whole or to one of its endpoints.
///
/// The states are gRPC's (https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).
public enum ConnectivityState: Hashable, Sendable, CaseIterable {
  /// There is no connection, and none is being made: the next call makes one.
  case idle
  /// A connection is being made; calls wait for it.
  case connecting
  /// Calls can be sent.
  case ready
  /// The last attempt has failed and the next one is waited for or going on. Calls fail with UNAVAILABLE, unless they
  /// wait for a connection.
  case transientFailure
  /// Closed for good.
  case shutdown
}
