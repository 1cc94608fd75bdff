public import BulwarkCore
import BulwarkProtobuf

/// `grpc.health.v1.Health`: tells clients, balancers and probes which services can do their work.
///
///     let health = HealthReporter()
///     let server = Server(listening: .tcp(host: "0.0.0.0", port: 50051)) {
///       Validator()
///       HealthService(health)
///     }
///
/// Every service of the server is SERVING unless the reporter says otherwise. When the server begins to stop, all become
/// NOT_SERVING (``HealthReporter/drain()``) before clients are told to go away. The three methods are those of gRFC A17
/// and A90:
///
/// - `Check` answers NOT_FOUND for a service that the reporter does not know.
/// - `Watch` sends the status at once and each later one; SERVICE_UNKNOWN for a service that is not known, until it is.
///   A client that does not read gets the latest status when it does, not those between.
/// - `List` answers RESOURCE_EXHAUSTED above ``maximumListed`` services.
public struct HealthService: RPCService {
  /// How many services `List` tells of: 100, as gRFC A90 has it.
  public static let maximumListed = 100

  private let reporter: HealthReporter

  /// Creates a service that tells what the reporter knows. Several servers may share one reporter, if they stop
  /// together.
  public init(_ reporter: HealthReporter = HealthReporter()) {
    self.reporter = reporter
  }

  public func register(in registry: inout ServiceRegistry) {
    HealthHandlers(reporter: self.reporter).register(in: &registry)
    registry.whenComplete { [reporter] registry in
      reporter.introduce(Set(registry.entries.map(\.descriptor.service)))
    }
    registry.onDrain { [reporter] in reporter.drain() }
  }
}

struct HealthHandlers: Health {
  let reporter: HealthReporter

  func check(_ request: HealthCheckRequest, context: CallContext) async throws -> HealthCheckResponse {
    guard let status = self.reporter.status(of: request.service) else {
      throw RPCError(code: .notFound, message: "no health is known of service \"\(request.service)\"")
    }
    return .with { $0.status = status.onTheWire }
  }

  func list(_ request: HealthListRequest, context: CallContext) async throws -> HealthListResponse {
    let statuses = self.reporter.all
    guard statuses.count <= HealthService.maximumListed else {
      throw RPCError(
        code: .resourceExhausted,
        message: "there are \(statuses.count) services, and at most \(HealthService.maximumListed) are listed"
      )
    }
    return .with {
      $0.statuses = statuses.mapValues { status in .with { $0.status = status.onTheWire } }
    }
  }

  func watch(
    _ request: HealthCheckRequest,
    to responses: ResponseWriter<HealthCheckResponse>,
    context: CallContext
  ) async throws {
    let (id, changes) = self.reporter.addWatcher()
    defer { self.reporter.removeWatcher(id) }
    var told: HealthCheckResponse.ServingStatus?
    // The stream says that something has changed, and the reporter what is true now: a slow reader costs no memory, and
    // threads that change a status at once cannot leave an older one as the last.
    for await _ in changes {
      let (known, isFinal) = self.reporter.lastWord(on: request.service)
      let status = known?.onTheWire ?? .serviceUnknown
      if status != told {
        try await responses.write(.with { $0.status = status })
        told = status
      }
      if isFinal {
        throw RPCError(code: .unavailable, message: "the server is about to stop")
      }
    }
    throw CancellationError()
  }
}
