import NIOCore
import NIOPosix

/// All addresses that the system's resolver has for a host name.
///
/// Those of each family come in random order, so that the clients of one name spread over its addresses; IPv6 comes
/// first.
struct DNSResolver: EndpointResolver {
  let host: String
  let port: Int
  let authority: String
  let eventLoop: any EventLoop

  var serverName: String? { self.host }

  func resolve() async throws -> [ResolvedEndpoint] {
    let query = NIORandomizedDNSResolver(loop: self.eventLoop)
    // One lookup answers both; the second question only takes its part of it.
    let ipv6 = query.initiateAAAAQuery(host: self.host, port: self.port)
    let ipv4 = query.initiateAQuery(host: self.host, port: self.port)
    let addresses = try await ipv6.get() + ipv4.get()
    return addresses.map { ResolvedEndpoint(Endpoint($0)) }
  }
}
