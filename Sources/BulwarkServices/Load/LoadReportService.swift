public import BulwarkCore
import BulwarkProtobuf

/// `xds.service.orca.v3.OpenRcaService`: sends a server's load reports on a stream, whatever calls there are (gRFC A51,
/// out of band).
public struct LoadReportService: RPCService {
  private let reporter: LoadReporter
  private let minimumInterval: Duration

  /// Creates a service that sends what the reporter holds.
  ///
  /// - Parameter minimumInterval: a client that wants reports more often gets them as often as this. Default 30 s, as in
  ///   gRPC; 1 ms or more.
  public init(_ reporter: LoadReporter, minimumInterval: Duration = .seconds(30)) {
    self.reporter = reporter
    self.minimumInterval = max(minimumInterval, .milliseconds(1))
  }

  public func register(in registry: inout ServiceRegistry) {
    LoadReportHandlers(reporter: self.reporter, minimumInterval: self.minimumInterval).register(in: &registry)
  }
}

private struct LoadReportHandlers: OpenRcaService {
  let reporter: LoadReporter
  let minimumInterval: Duration

  func streamCoreMetrics(
    _ request: OrcaLoadReportRequest,
    to responses: ResponseWriter<OrcaLoadReport>,
    context: CallContext
  ) async throws {
    // Nothing, less than nothing, and what no clock can wait for are the nearest sensible interval.
    let wanted = request.reportInterval.map { Duration($0) } ?? .zero
    let interval = min(max(wanted, self.minimumInterval), .seconds(86_400))
    let costs = Set(request.requestCostNames)
    while true {
      var report = self.reporter.report
      if !costs.isEmpty { report.requestCost = report.requestCost.filter { costs.contains($0.key) } }
      try await responses.write(report)
      try await Task.sleep(for: interval)
    }
  }
}
