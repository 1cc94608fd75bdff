/// What is known of the health of each service, and what of that is told.
///
/// What a service says of itself counts while the server takes calls and everything that it depends on is ready;
/// otherwise each service is ``HealthStatus/notServing``.
struct HealthTable {
  private var own: [String: HealthStatus] = ["": .serving]
  private var unready: Set<UInt64> = []

  /// Whether the server stops. For good.
  private(set) var isDraining = false

  mutating func set(_ status: HealthStatus, for service: String) {
    self.own[service] = status
  }

  /// Services that a server has: serving, unless something else was said before.
  mutating func introduce(_ services: Set<String>) {
    for service in services where self.own[service] == nil { self.own[service] = .serving }
  }

  mutating func remove(_ service: String) {
    self.own[service] = nil
  }

  /// Something that all services depend on is ready, or is not.
  mutating func setReady(_ isReady: Bool, _ dependency: UInt64) {
    if isReady {
      self.unready.remove(dependency)
    } else {
      self.unready.insert(dependency)
    }
  }

  mutating func drain() {
    self.isDraining = true
  }

  /// The status to tell of a service; nil if there is no such service.
  func status(of service: String) -> HealthStatus? {
    self.own[service].map { self.told($0) }
  }

  /// The status to tell of each service.
  var all: [String: HealthStatus] { self.own.mapValues { self.told($0) } }

  private func told(_ status: HealthStatus) -> HealthStatus {
    self.isDraining || !self.unready.isEmpty ? .notServing : status
  }
}
