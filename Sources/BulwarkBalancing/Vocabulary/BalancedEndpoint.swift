/// Names one endpoint of a channel for as long as the resolver lists its address.
package struct EndpointID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  package var description: String { "#\(self.rawValue)" }
}

/// What kind of address an endpoint has; see ``AddressOrder``.
package enum AddressFamily: Hashable, Sendable {
  case ipv4
  case ipv6
  case other
}

/// One address that calls can go to, as far as a balancer cares.
///
/// An endpoint has exactly one address, as from gRPC's DNS resolver, which does not know either whether two addresses
/// are those of one server (gRFC A61).
package struct BalancedEndpoint: Hashable, Sendable {
  package var id: EndpointID
  package var family: AddressFamily
  /// The share of calls that it is to have beside the others, where a policy minds it; 0 counts as 1.
  package var weight: UInt32
  /// What puts it at its places on a hash ring: the address, unless somebody says better. The same for each client.
  package var hashKey: String
  /// How much it counts in a committee's quorum; see ``CommitteeEjectionOptions``.
  package var stake: UInt64

  package init(
    id: EndpointID,
    family: AddressFamily = .other,
    weight: UInt32 = 1,
    hashKey: String = "",
    stake: UInt64 = 1
  ) {
    self.id = id
    self.family = family
    self.weight = weight
    self.hashKey = hashKey
    self.stake = stake
  }
}
