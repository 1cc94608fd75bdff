import Bulwark

private let messages = [
  "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
  "100 % of 50%25, %zz",
  "",
]

extension InteropCase {
  /// Each status, and each moment at which a call can fail.
  static let statuses = [
    InteropCase(name: "status_codes") { context in
      for code in 1...16 {
        let expected = StatusCode(wireValue: code)
        try await expectError(expected, "as \(expected)") {
          _ = try await context.echo { $0.failure = failure(code, "as \(expected)") }
        }
      }
    },
    InteropCase(name: "status_message") { context in
      let trailers: [MetadataEntry] = [
        .with {
          $0.name = "x-detail"
          $0.value = Array("seen".utf8)
        },
        .with {
          $0.name = "x-detail-bin"
          $0.value = [0x00, 0xff]
        },
      ]
      for (code, message) in messages.flatMap({ [(2, $0), (9, $0)] }) {
        let error = try await expectError(StatusCode(wireValue: code), message) {
          _ = try await context.echo {
            $0.failure = failure(code, message)
            $0.failure?.trailers = trailers
          }
        }
        try expect(error.metadata["x-detail"] == "seen", "x-detail did not come with \(error)")
        let binary = error.metadata[binary: "x-detail-bin"]
        try expect(binary == [0x00, 0xff], "x-detail-bin is \(binary.debugDescription)")
      }
    },
    InteropCase(name: "error_details") { context in
      let retry = RetryInfo.with { $0.retryDelay = ProtobufDuration(.milliseconds(1500)) }
      let cause = ErrorInfo.with {
        $0.reason = "CIRCUIT_OPEN"
        $0.domain = "bulwark.example"
        $0.metadata = ["policy": "votes"]
      }
      let foreign = ProtobufAny.with {
        $0.typeUrl = "example.org/bulwark.Unknown"
        $0.value = [0xde, 0xad]
      }
      let sent = try [foreign, ProtobufAny(retry), ProtobufAny(cause)]
      let error = try await expectError(.resourceExhausted, "100 % ☺") {
        _ = try await context.echo {
          $0.failure = failure(8, "100 % ☺")
          $0.failure?.details = sent
        }
      }
      try expect(error.details == sent, "the details are \(error.details)")
      try expect(error.detail() == retry, "RetryInfo is \(String(describing: error.detail(RetryInfo.self)))")
      try expect(error.detail() == cause, "ErrorInfo is \(String(describing: error.detail(ErrorInfo.self)))")
    },
    InteropCase(name: "malformed_details") { context in
      let contradiction = try RPCStatus.with {
        $0.code = 5
        $0.details = [ProtobufAny()]
      }.serializedBytes()
      for bytes in [[0xff], contradiction] {
        let error = try await expectError(.aborted, "m") {
          _ = try await context.echo {
            $0.failure = failure(10, "m")
            $0.failure?.trailers = [
              .with {
                $0.name = "grpc-status-details-bin"
                $0.value = bytes
              }
            ]
          }
        }
        try expect(error.details.isEmpty, "the details are \(error.details)")
      }
    },
    InteropCase(name: "failure_after_messages") { context in
      let request = ExpandRequest.with {
        $0.sizes = [3, 5]
        $0.failure = failure(10, "late")
      }
      var received: [Int] = []
      try await expectError(.aborted, "late") {
        for try await response in context.interop.expand(request, timeout: CaseContext.timeout) {
          received.append(response.payload.count)
        }
      }
      try expect(received == [3, 5], "before the failure came \(received)")
    },
    InteropCase(name: "failure_before_requests_end") { context in
      try await expectError(.failedPrecondition, "early") {
        try await context.interop.converse(timeout: CaseContext.timeout) { requests, responses in
          try await requests.write(.with { $0.failure = failure(9, "early") })
          // Far more than fits into any window: only the end of the call can end this.
          let filler = EchoRequest.with { $0.payload = [UInt8](repeating: 7, count: 65_536) }
          do {
            while true {
              try await requests.write(filler)
            }
          } catch {
            for try await _ in responses {}
          }
        }
      }
    },
    InteropCase(name: "unimplemented") { context in
      let names = [("bulwark.interop.Interop", "Nothing"), ("bulwark.interop.Nobody", "Echo")]
      for (service, name) in names {
        let method = RPCMethod<EchoRequest, EchoResponse>(
          MethodDescriptor(service: service, method: name, kind: .unary),
          request: .protobuf,
          response: .protobuf
        )
        try await expectError(.unimplemented) {
          let options = CallOptions(timeout: CaseContext.timeout)
          _ = try await context.client.unary(method, EchoRequest(), options: options)
        }
      }
    },
  ]
}

private func failure(_ code: Int, _ message: String) -> Failure {
  .with {
    $0.code = Int32(code)
    $0.message = message
  }
}
