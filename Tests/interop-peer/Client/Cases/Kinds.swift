import Bulwark

private let payloadSizes = [27182, 8, 1828, 45904]

extension InteropCase {
  /// Each call kind, with messages and without.
  static let kinds = [
    InteropCase(name: "empty_unary") { context in
      let response = try await context.echo { _ in }
      try expect(response.payload.isEmpty, "the payload came back with \(response.payload.count) bytes")
    },
    InteropCase(name: "large_unary") { context in
      let payload = (0..<271_828).map { UInt8(truncatingIfNeeded: $0 % 251) }
      let response = try await context.echo { $0.payload = payload }
      try expect(response.payload == payload, "the payload came back changed")
    },
    InteropCase(name: "collect") { context in
      let response = try await context.interop.collect(timeout: CaseContext.timeout) { requests in
        for size in payloadSizes {
          try await requests.write(.with { $0.payload = [UInt8](repeating: 7, count: size) })
        }
      }
      try expect(response.messages == 4 && response.payloadBytes == 74_922, "got \(response)")
    },
    InteropCase(name: "collect_nothing") { context in
      let response = try await context.interop.collect(timeout: CaseContext.timeout) { _ in }
      try expect(response.messages == 0 && response.payloadBytes == 0, "got \(response)")
    },
    InteropCase(name: "expand") { context in
      try await expand([31415, 9, 2653, 58979], context)
    },
    InteropCase(name: "expand_nothing") { context in
      try await expand([], context)
    },
    InteropCase(name: "converse") { context in
      try await context.interop.converse(timeout: CaseContext.timeout) { requests, responses in
        var iterator = responses.makeAsyncIterator()
        for size in payloadSizes {
          try await requests.write(.with { $0.payload = [UInt8](repeating: 7, count: size) })
          let count = try await iterator.next()?.payload.count
          try expect(count == size, "expected a response of \(size) bytes, got \(count.debugDescription)")
        }
        requests.finish()
        try expect(try await iterator.next() == nil, "there was a response too many")
      }
    },
    InteropCase(name: "converse_nothing") { context in
      try await context.interop.converse(timeout: CaseContext.timeout) { requests, responses in
        requests.finish()
        for try await _ in responses {
          throw CaseFailure("there was a response")
        }
      }
    },
  ]
}

private func expand(_ sizes: [UInt32], _ context: CaseContext) async throws {
  let responses = context.interop.expand(.with { $0.sizes = sizes }, timeout: CaseContext.timeout)
  var received: [[UInt8]] = []
  for try await response in responses {
    received.append(response.payload)
  }
  let expected = sizes.enumerated().map { [UInt8](repeating: UInt8($0), count: Int($1)) }
  try expect(received == expected, "got responses of \(received.map(\.count)) bytes, or changed ones")
}
