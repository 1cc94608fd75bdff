import Bulwark
import GRPCTesting

extension TestCase {
  /// Messages that are compressed, and messages in the same call that are not.
  static let compression = [
    TestCase(name: "client_compressed_unary") { context in
      if context.probesCompression {
        try await expectError(.invalidArgument) {
          _ = try await context.service.unaryCall(.large(isCompressed: true))
        }
      }
      try await context.service
        .unaryCall(.large(isCompressed: true), options: CallOptions(compression: .gzip))
        .expectLarge()
      try await context.service.unaryCall(.large(isCompressed: false)).expectLarge()
    },
    TestCase(name: "server_compressed_unary") { context in
      for isCompressed in [true, false] {
        let request = SimpleRequest.with {
          $0 = .large
          $0.responseCompressed = .with { $0.value = isCompressed }
        }
        let response = try await context.client.unary(TestServiceMethods.unaryCall, request)
        try response.message.expectLarge()
        try expectCompression(response.compression, isCompressed)
      }
    },
    TestCase(name: "client_compressed_streaming") { context in
      let options = CallOptions(compression: .gzip)
      if context.probesCompression {
        try await expectError(.invalidArgument) {
          _ = try await context.service.streamingInputCall(options: options) { requests in
            try await requests.write(.sized(27182, isCompressed: true), compressed: false)
          }
        }
      }
      let response = try await context.service.streamingInputCall(options: options) { requests in
        try await requests.write(.sized(27182, isCompressed: true), compressed: true)
        try await requests.write(.sized(45904, isCompressed: false), compressed: false)
      }
      try expect(response.aggregatedPayloadSize == 73_086, "the sum is \(response.aggregatedPayloadSize)")
    },
    TestCase(name: "server_compressed_streaming") { context in
      let asked: [(size: Int32, isCompressed: Bool)] = [(31415, true), (92653, false)]
      let request = StreamingOutputCallRequest.with {
        $0.responseParameters = asked.map { asked in
          .with {
            $0.size = asked.size
            $0.compressed = .with { $0.value = asked.isCompressed }
          }
        }
      }
      let responses = context.service.streamingOutputCall(request)
      var iterator = responses.makeAsyncIterator()
      for (size, isCompressed) in asked {
        let body = try await iterator.next()?.payload?.body
        try expect(body == zeros(Int(size)).body, "wanted \(size) bytes, got \(body?.count ?? 0)")
        try expectCompression(responses.latestCompression, isCompressed)
      }
      try expect(try await iterator.next() == nil, "there was a response too many")
    },
  ]
}

private func expectCompression(_ compression: CompressionAlgorithm, _ isCompressed: Bool) throws {
  try expect(
    (compression != .identity) == isCompressed,
    "a response that should \(isCompressed ? "" : "not ")be compressed came as \(compression)"
  )
}

extension SimpleRequest {
  fileprivate static func large(isCompressed: Bool) -> Self {
    .with {
      $0 = .large
      $0.expectCompressed = .with { $0.value = isCompressed }
    }
  }
}

extension StreamingInputCallRequest {
  fileprivate static func sized(_ size: Int, isCompressed: Bool) -> Self {
    .with {
      $0.payload = zeros(size)
      $0.expectCompressed = .with { $0.value = isCompressed }
    }
  }
}
