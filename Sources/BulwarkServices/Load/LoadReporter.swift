public import BulwarkCore
import BulwarkProtobuf
import Synchronization

/// Where a server says how busy it is, for clients that weigh it by that (ORCA, gRFC A51).
///
///     let load = LoadReporter()
///     let server = Server(listening: endpoint, interceptors: [load.interceptor]) {
///       Validator()
///       LoadReportService(load)
///     }
///     load.report = .with { $0.applicationUtilization = 0.7 }
///
/// ``interceptor`` sends the report with each call's status, ``LoadReportService`` on a stream of its own. Safe to use
/// from any task.
public final class LoadReporter: Sendable {
  private let state: Mutex<OrcaLoadReport>

  /// A server of which nothing is known.
  public init() {
    self.state = Mutex(OrcaLoadReport())
  }

  /// The latest report.
  public var report: OrcaLoadReport {
    get { self.state.withLock { $0 } }
    set { self.state.withLock { $0 = newValue } }
  }

  /// Sends the report with the status of each call that succeeds, unless its handler has sent one of its own
  /// (``BulwarkCore/CallContext/reportLoad(_:)``).
  public var interceptor: some Interceptor { LoadReportInterceptor(reporter: self) }
}

extension CallContext {
  /// The key of a report in trailing metadata.
  public static let loadReportKey = "endpoint-load-metrics-bin"

  /// Sends a report with this call's status: what the call has cost, or how busy the server is. Once in a call.
  ///
  /// - Throws: ``ProtobufEncodingError`` if the report is too large for a message.
  public func reportLoad(_ report: OrcaLoadReport) throws {
    self.addTrailingMetadata(binary: try report.serializedBytes(), for: Self.loadReportKey)
  }
}

private struct LoadReportInterceptor: Interceptor {
  let reporter: LoadReporter

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    var response = try await next(request)
    let report = self.reporter.report
    guard report != OrcaLoadReport(), response.trailingMetadata[binary: CallContext.loadReportKey] == nil,
      let bytes = try? report.serializedBytes()
    else { return response }
    response.trailingMetadata.add(binary: bytes, for: CallContext.loadReportKey)
    return response
  }
}
