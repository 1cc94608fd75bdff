import Bulwark
import GRPCTesting

extension SimpleRequest {
  /// The request of `large_unary` and of the cases that build on it.
  static let large = SimpleRequest.with {
    $0.responseSize = 314_159
    $0.payload = zeros(271_828)
  }
}

extension SimpleResponse {
  /// Fails unless this is the answer to ``SimpleRequest/large``.
  func expectLarge() throws {
    try expect(
      self.payload?.body == zeros(314_159).body,
      "got \(self.payload?.body.count ?? 0) bytes, or not zeros"
    )
  }
}

extension TestCase {
  /// One request, one response.
  static let unary = [
    TestCase(name: "empty_unary") { context in
      let response = try await context.service.emptyCall(Empty())
      try expect(response == Empty(), "got \(response)")
    },
    TestCase(name: "large_unary") { context in
      try await context.service.unaryCall(.large).expectLarge()
    },
    TestCase(name: "custom_metadata") { context in
      let bytes: [UInt8] = [0xab, 0xab, 0xab]
      var metadata: Metadata = [:]
      metadata.add("test_initial_metadata_value", for: EchoedMetadata.initial)
      metadata.add(binary: bytes, for: EchoedMetadata.trailing)
      let options = CallOptions(metadata: metadata)

      let response = try await context.client.unary(TestServiceMethods.unaryCall, .large, options: options)
      try expectEchoed(response.metadata, response.trailingMetadata)

      try await context.client.bidirectional(TestServiceMethods.fullDuplexCall, options: options) {
        requests,
        responses in
        try await requests.write(.asking(for: 314_159, with: 271_828))
        requests.finish()
        let initial = try await responses.initialMetadata
        for try await _ in responses {}
        try expectEchoed(initial, responses.trailingMetadata)
      }

      func expectEchoed(_ initial: Metadata, _ trailing: Metadata) throws {
        let texts = initial.values(for: EchoedMetadata.initial)
        try expect(texts == ["test_initial_metadata_value"], "the initial metadata is \(texts)")
        let values = trailing.binaryValues(for: EchoedMetadata.trailing)
        try expect(values == [bytes], "the trailing metadata is \(values)")
      }
    },
  ]
}
