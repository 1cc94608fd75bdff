/// A list of endpoints that does not change.
struct FixedEndpoints: EndpointResolver {
  let endpoints: [Endpoint]

  /// Each endpoint's own, if there is only one; of several the first one's, as gRPC does with a list of addresses.
  var authority: String { self.endpoints.first?.authority ?? "localhost" }

  var serverName: String? { nil }

  var areUnixSockets: Bool {
    self.endpoints.allSatisfy { if case .unix = $0 { true } else { false } }
  }

  var list: [ResolvedEndpoint] { self.endpoints.map { ResolvedEndpoint($0) } }

  func resolve() async throws -> [ResolvedEndpoint] { self.list }
}
