/// Whether a service can do its work.
public enum HealthStatus: String, Hashable, Sendable, Codable, CaseIterable {
  /// It can.
  case serving
  /// It cannot now: clients that check shall call elsewhere.
  case notServing

  var onTheWire: HealthCheckResponse.ServingStatus {
    switch self {
    case .serving: .serving
    case .notServing: .notServing
    }
  }
}
