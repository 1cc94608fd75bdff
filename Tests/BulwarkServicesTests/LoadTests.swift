import BulwarkCore
import BulwarkInProcess
import BulwarkProtobuf
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkServices

@Suite(.timeLimit(.minutes(1))) struct LoadTests {
  private static let method = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "app.Echo", method: "Get", kind: .unary),
    request: .bytes,
    response: .bytes
  )

  /// What the status of a call brings, whose handler does this.
  private func trailingReport(
    of reporter: LoadReporter,
    _ handler: @escaping @Sendable (CallContext) throws -> Void
  ) async throws -> OrcaLoadReport? {
    var registry = ServiceRegistry()
    registry.unary(Self.method) { request, context in
      try handler(context)
      return request
    }
    registry.protect(gates: [], interceptors: [reporter.interceptor])
    registry.complete()
    guard case .unary(let call)? = registry.entries.first?.handler else { return nil }
    let context = CallContext(
      method: Self.method.descriptor,
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: nil,
      time: VirtualClock().timeSource
    )
    _ = try await call(ByteBuffer(), context)
    let bytes = context.trailingMetadata[binary: CallContext.loadReportKey]
    return try bytes.map { try OrcaLoadReport(serializedBytes: $0) }
  }

  @Test func theServersReportComesWithEachStatus() async throws {
    let reporter = LoadReporter()
    let report = OrcaLoadReport.with { $0.applicationUtilization = 0.7 }
    reporter.report = report
    #expect(try await self.trailingReport(of: reporter) { _ in } == report)
  }

  @Test func whatIsNotKnownIsNotSent() async throws {
    #expect(try await self.trailingReport(of: LoadReporter()) { _ in } == nil)
  }

  @Test func aCallsOwnReportComesInItsPlace() async throws {
    let reporter = LoadReporter()
    reporter.report = .with { $0.applicationUtilization = 0.7 }
    let own = OrcaLoadReport.with { $0.requestCost = ["signatures": 3] }
    #expect(try await self.trailingReport(of: reporter) { try $0.reportLoad(own) } == own)
  }

  @Test func theStreamBeginsWithTheLatestReportAndTheCostsThatAreWanted() async throws {
    let reporter = LoadReporter()
    reporter.report = .with { $0.requestCost = ["signatures": 3, "bytes": 9] }
    let client = InProcessClient(to: InProcessServer { LoadReportService(reporter) })
    var reports = OpenRcaServiceClient(client)
      .streamCoreMetrics(.with { $0.requestCostNames = ["bytes"] })
      .makeAsyncIterator()
    let first = try await reports.next()
    #expect(first?.requestCost == ["bytes": 9])
  }
}
