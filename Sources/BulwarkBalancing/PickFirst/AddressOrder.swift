/// In which order addresses are tried.
package enum AddressOrder {
  /// The families take turns, beginning with that of the first address; within each the order stays. So an address
  /// family that does not work costs one delay and not one for each of its addresses (RFC 8305 section 4).
  package static func interleaved(_ endpoints: [BalancedEndpoint]) -> [BalancedEndpoint] {
    var families: [AddressFamily] = []
    var members: [AddressFamily: [BalancedEndpoint]] = [:]
    for endpoint in endpoints {
      if members[endpoint.family] == nil { families.append(endpoint.family) }
      members[endpoint.family, default: []].append(endpoint)
    }
    var ordered: [BalancedEndpoint] = []
    ordered.reserveCapacity(endpoints.count)
    var turn = 0
    while ordered.count < endpoints.count {
      for family in families {
        if let list = members[family], turn < list.count { ordered.append(list[turn]) }
      }
      turn += 1
    }
    return ordered
  }
}
