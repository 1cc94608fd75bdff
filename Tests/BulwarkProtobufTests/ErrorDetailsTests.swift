import BulwarkCore
import BulwarkProtobuf
import TestMessages
import Testing

/// Errors that carry messages.
@Suite("Error details") struct ErrorDetailsTests {
  private static let trailer = "grpc-status-details-bin"

  private func error(_ status: RPCStatus, code: StatusCode = .aborted) throws -> RPCError {
    var metadata = Metadata()
    metadata.add(binary: try status.serializedBytes(), for: Self.trailer)
    return RPCError(code: code, message: "m", metadata: metadata, origin: .remote)
  }

  @Test("are found by their types, and all of them in their order")
  func typesAndOrder() throws {
    let retry = RetryInfo.with { $0.retryDelay = ProtobufDuration(.milliseconds(1500)) }
    let cause = ErrorInfo.with {
      $0.reason = "CIRCUIT_OPEN"
      $0.domain = "bulwark"
      $0.metadata = ["policy": "votes"]
    }
    let error = RPCError(code: .unavailable, message: "open", details: [retry, cause])
    #expect(error.detail(RetryInfo.self) == retry)
    #expect(error.detail() == cause)
    #expect(error.detail(Help.self) == nil)
    #expect(error.details == [try ProtobufAny(retry), try ProtobufAny(cause)])
    #expect(error.code == .unavailable && error.message == "open" && error.origin == .local)
  }

  @Test("travel in a Status that repeats the code and the message")
  func status() throws {
    let error = RPCError(code: .ok, message: "no", details: [DebugInfo.with { $0.detail = "d" }])
    let bytes = try #require(error.metadata[binary: Self.trailer])
    let status = try RPCStatus(serializedBytes: bytes)
    #expect(status.code == 2 && error.code == .unknown)
    #expect(status.message == "no")
    #expect(status.details.map(\.typeUrl) == ["type.googleapis.com/google.rpc.DebugInfo"])
  }

  @Test("stand beside metadata, and take the place of earlier ones")
  func metadata() {
    var metadata: Metadata = ["x": "1"]
    metadata.add(binary: [0xFF], for: Self.trailer)
    let error = RPCError(code: .aborted, message: "m", details: [Leaf()], metadata: metadata)
    #expect(error.metadata["x"] == "1")
    #expect(error.metadata.binaryValues(for: Self.trailer).count == 1)
    #expect(error.detail(Leaf.self) == Leaf())
    #expect(RPCError(code: .aborted, message: "m", details: []).metadata.isEmpty)
  }

  @Test("of an unknown type are kept, and sent on as they came")
  func unknownTypes() throws {
    let foreign = ProtobufAny.with {
      $0.typeUrl = "example.org/other.Detail"
      $0.value = [0xDE, 0xAD]
    }
    let received = RPCError(code: .aborted, message: "m", details: [foreign, Leaf.with { $0.a = 7 }])
    #expect(received.details.first == foreign)
    let passedOn = RPCError(code: .internalError, message: "n", details: received.details)
    #expect(passedOn.details == received.details)
  }

  @Test("of another code than the status are not believed")
  func contradiction() throws {
    let status = RPCStatus.with {
      $0.code = 5
      $0.details = [ProtobufAny()]
    }
    #expect(try self.error(status, code: .notFound).details == [ProtobufAny()])
    #expect(try self.error(status, code: .aborted).details.isEmpty)
    #expect(try self.error(status, code: .aborted).code == .aborted)
  }

  @Test("of a code that is none are those of an unknown error")
  func unknownCode() throws {
    let status = RPCStatus.with {
      $0.code = 77
      $0.details = [ProtobufAny()]
    }
    #expect(try self.error(status, code: .unknown).details.count == 1)
  }

  @Test(
    "that are not a Status, or come twice, are none",
    arguments: [[[0xFF]], [[], []], [[8, 10], [8, 10]]]
  )
  func malformed(values: [[UInt8]]) {
    var metadata = Metadata()
    for value in values { metadata.add(binary: value, for: Self.trailer) }
    let error = RPCError(code: .aborted, message: "m", metadata: metadata)
    #expect(error.details.isEmpty)
    #expect(error.detail(RetryInfo.self) == nil)
  }

  @Test("whose own bytes are malformed are passed over, and stay in the list")
  func malformedDetail() throws {
    let retry = RetryInfo.with { $0.retryDelay = ProtobufDuration(.seconds(1)) }
    let broken = ProtobufAny.with {
      $0.typeUrl = "type.googleapis.com/google.rpc.RetryInfo"
      $0.value = [0xFF]
    }
    let error = RPCError(code: .aborted, message: "m", details: [broken, retry])
    #expect(error.detail(RetryInfo.self) == retry)
    #expect(error.details.count == 2)
  }

  @Test("that have no bytes leave the error without any")
  func withoutBytes() {
    var nested = ProtobufValue()
    for _ in 0..<200 {
      nested = .with { $0.kind = .listValue(.with { [nested] in $0.values = [nested] }) }
    }
    let error = RPCError(code: .aborted, message: "m", details: [ErrorInfo(), nested])
    #expect(error.metadata.isEmpty)
    #expect(error.code == .aborted && error.message == "m")
  }

  @Test("of each standard type come back as they were")
  func standardTypes() throws {
    let details: [any ProtobufMessage] = [
      ErrorInfo.with { $0.metadata = ["a": "b"] },
      RetryInfo.with { $0.retryDelay = ProtobufDuration(.nanoseconds(1)) },
      DebugInfo.with { $0.stackEntries = ["f", "g"] },
      QuotaFailure.with {
        $0.violations = [
          .with {
            $0.subject = "peer:7"
            $0.quotaDimensions = ["region": "eu"]
            $0.quotaValue = -1
            $0.futureQuotaValue = 0
          }
        ]
      },
      PreconditionFailure.with { $0.violations = [.with { $0.type = "HEIGHT" }] },
      BadRequest.with {
        $0.fieldViolations = [
          .with {
            $0.field = "votes[1].signature"
            $0.localizedMessage = .with { $0.locale = "de" }
          }
        ]
      },
      RequestInfo.with { $0.requestId = "r" },
      ResourceInfo.with { $0.owner = "o" },
      Help.with { $0.links = [.with { $0.url = "https://example.org" }] },
      LocalizedMessage.with { $0.message = "nein" },
    ]
    let error = RPCError(code: .failedPrecondition, message: "m", details: details)
    func expectFound<Detail: ProtobufMessage>(_ detail: Detail) {
      #expect(error.detail(Detail.self) == detail)
    }
    for detail in details { expectFound(detail) }
    #expect(error.details.count == 10)
  }
}
