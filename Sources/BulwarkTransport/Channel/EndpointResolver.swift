/// An address that a resolver found, and what load balancing may want to know of it.
public struct ResolvedEndpoint: Hashable, Sendable {
  /// Where to connect. A host name is looked up again at each attempt; an address is not.
  public var endpoint: Endpoint

  /// Its share of the calls beside that of the others, where the policy minds it (ring hash). Default 1; 0 counts as 1.
  public var weight: UInt32

  /// What puts it at its places on a hash ring; nil for its address. The same for every client of the service.
  public var hashKey: String?

  /// How much it counts in the quorum that ejection never goes below. Default 1.
  public var stake: UInt64

  /// An endpoint.
  public init(_ endpoint: Endpoint, weight: UInt32 = 1, hashKey: String? = nil, stake: UInt64 = 1) {
    self.endpoint = endpoint
    self.weight = weight
    self.hashKey = hashKey
    self.stake = stake
  }
}

/// Finds the addresses of a service.
///
/// The client asks when its first call is made, again when connections fail or end (at most once in
/// ``ResolutionOptions/minimumInterval``), and whenever ``Client/refreshEndpoints()`` is called, which is how a resolver
/// that learns of changes by itself hands them on. An endpoint that is in the old list and in the new one keeps its
/// connections.
public protocol EndpointResolver: Sendable {
  /// What is sent as `:authority`, unless ``ClientConfiguration/authority`` says otherwise: the service's own name,
  /// whatever addresses it has.
  var authority: String { get }

  /// The name that is asked for with TLS, unless ``ClientTLS/serverName`` says otherwise; nil for the host of each
  /// endpoint.
  var serverName: String? { get }

  /// The addresses, in the order in which they are preferred.
  ///
  /// Called by one task at a time, which is cancelled when the client closes. An error, or an empty list, is a failed
  /// resolution: the addresses that are known stay in use, and it is tried again with a growing delay.
  func resolve() async throws -> [ResolvedEndpoint]
}
