import Bulwark
import GRPCTesting

let requestSizes = [27182, 8, 1828, 45904]
let responseSizes: [Int32] = [31415, 9, 2653, 58979]

extension StreamingOutputCallRequest {
  /// A request with a payload of its own that asks for one response.
  static func asking(for responseSize: Int32, with requestSize: Int) -> Self {
    .with {
      $0.responseParameters = [.with { $0.size = responseSize }]
      $0.payload = zeros(requestSize)
    }
  }
}

extension TestCase {
  /// Streams in each direction.
  static let streaming = [
    TestCase(name: "client_streaming") { context in
      let response = try await context.service.streamingInputCall { requests in
        for size in requestSizes {
          try await requests.write(.with { $0.payload = zeros(size) })
        }
      }
      try expect(response.aggregatedPayloadSize == 74_922, "the sum is \(response.aggregatedPayloadSize)")
    },
    TestCase(name: "server_streaming") { context in
      let request = StreamingOutputCallRequest.with {
        $0.responseParameters = responseSizes.map { size in .with { $0.size = size } }
      }
      var received: [[UInt8]?] = []
      for try await response in context.service.streamingOutputCall(request) {
        received.append(response.payload?.body)
      }
      try expect(
        received == responseSizes.map { zeros(Int($0)).body },
        "got responses of \(received.map { $0?.count ?? 0 }) bytes, or not zeros"
      )
    },
    TestCase(name: "ping_pong") { context in
      try await context.service.fullDuplexCall { requests, responses in
        var iterator = responses.makeAsyncIterator()
        for (requestSize, responseSize) in zip(requestSizes, responseSizes) {
          try await requests.write(.asking(for: responseSize, with: requestSize))
          let body = try await iterator.next()?.payload?.body
          try expect(
            body == zeros(Int(responseSize)).body,
            "wanted \(responseSize) bytes, got \(body?.count ?? 0)"
          )
        }
        requests.finish()
        try expect(try await iterator.next() == nil, "there was a response too many")
      }
    },
    TestCase(name: "empty_stream") { context in
      try await context.service.fullDuplexCall { requests, responses in
        requests.finish()
        for try await _ in responses {
          throw CaseFailure("there was a response")
        }
      }
    },
  ]
}
