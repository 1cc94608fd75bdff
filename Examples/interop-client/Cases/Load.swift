import Bulwark
import GRPCTesting

extension TestCase {
  /// Load reports, and how connections grow with load.
  static let load = [
    TestCase(name: "orca_per_rpc") { context in
      let report = TestOrcaReport.with {
        $0.cpuUtilization = 0.8210
        $0.memoryUtilization = 0.5847
        $0.requestCost = ["cost": 3456.32]
        $0.utilization = ["util": 0.30499]
      }
      let response = try await context.client.unary(
        TestServiceMethods.unaryCall,
        .with { $0.orcaPerQueryReport = report }
      )
      guard let bytes = response.trailingMetadata[binary: CallContext.loadReportKey] else {
        throw CaseFailure("the status came without a report")
      }
      let received = try OrcaLoadReport(serializedBytes: bytes)
      try expect(received == OrcaLoadReport(report), "got \(received)")
    },
    TestCase(name: "orca_oob") { context in
      let reports = [
        TestOrcaReport.with {
          $0.cpuUtilization = 0.8210
          $0.memoryUtilization = 0.5847
          $0.utilization = ["util": 0.30499]
        },
        TestOrcaReport.with {
          $0.cpuUtilization = 0.29309
          $0.memoryUtilization = 0.2
          $0.utilization = ["util": 0.2039]
        },
      ]
      let watch = OpenRcaServiceClient(context.client).streamCoreMetrics(
        .with { $0.reportInterval = ProtobufDuration(.seconds(1)) }
      )
      var received = watch.makeAsyncIterator()
      try await context.service.fullDuplexCall { requests, responses in
        var answers = responses.makeAsyncIterator()
        for report in reports {
          try await requests.write(
            .with {
              $0.orcaOobReport = report
              $0.responseParameters = [.with { $0.size = 1 }]
            }
          )
          try expect(try await answers.next() != nil, "the stream has ended")
          // A report may be on its way that was made before; the case's own limit ends it if the right one never comes.
          while let next = try await received.next(), next != OrcaLoadReport(report) {}
        }
        requests.finish()
        try expect(try await answers.next() == nil, "there is an answer too many")
      }
    },
    TestCase(name: "max_concurrent_streams_connection_scaling") { context in
      let client = context.newClient { $0.maxConnectionsPerEndpoint = 2 }
      let service = TestServiceClient(client)
      var held: [HeldStream] = []
      var peers: Set<String> = []
      // More than any server here allows; one that allows more has nothing to scale.
      while peers.count < 2, held.count < 1000 {
        let stream = try await HeldStream(service)
        peers.insert(stream.peer)
        held.append(stream)
      }
      try expect(peers.count == 2, "\(held.count) streams have come over one connection")
      try expect(held.count > 1, "the second stream has come over another connection")
      held = []
      await client.close()
    },
  ]
}

/// A stream that stays open until it is let go, and where the server sees it come from.
private struct HeldStream {
  private let responses: ResponseStream<StreamingOutputCallResponse>
  let peer: String

  init(_ service: TestServiceClient) async throws {
    self.responses = service.streamingOutputCall(
      .with {
        $0.responseParameters = [
          .with { $0.fillPeerSocketAddress = .with { $0.value = true } },
          .with { $0.intervalUs = .max },
        ]
      }
    )
    var iterator = self.responses.makeAsyncIterator()
    guard let first = try await iterator.next(), !first.peerSocketAddress.isEmpty else {
      throw CaseFailure("the server does not say where it sees the stream come from")
    }
    self.peer = first.peerSocketAddress
  }
}
