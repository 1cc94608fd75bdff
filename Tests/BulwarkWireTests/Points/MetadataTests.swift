import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// How metadata travels.
@Suite(.tags(.wirePoint)) struct MetadataTests {
  /// The metadata that a handler is given for a request with these fields.
  private func received(_ fields: [(String, String?)]) throws -> Metadata {
    let client = EngineClient()
    try client.request(Sample.unary.path, fields)
    return try #require(client.started.first).context.metadata
  }

  // Point 2.
  @Test func binaryValuesAreSentAsBase64WithoutPadding() throws {
    let server = EngineServer()
    var metadata = Metadata()
    metadata.add(binary: [0xFB, 0xFF], for: "a-bin")
    metadata.add(binary: [], for: "b-bin")
    metadata.add(binary: [1, 2, 3], for: "a-bin")
    let stream = try server.call(metadata: metadata)
    let block = try #require(server.log.streams[stream]?.blocks.first)
    #expect(block.fields["a-bin"] == ["+/8", "AQID"])
    #expect(block.fields["b-bin"] == [""])
  }

  // Point 2.
  @Test func binaryValuesAreReadWithPaddingAndWithout() throws {
    let metadata = try self.received([("a-bin", "AQ"), ("b-bin", "AQ=="), ("c-bin", " AQI= ")])
    #expect(metadata[binary: "a-bin"] == [1])
    #expect(metadata[binary: "b-bin"] == [1])
    #expect(metadata[binary: "c-bin"] == [1, 2])
  }

  // Point 2.
  @Test func joinedBinaryValuesAreSplitBeforeTheyAreDecoded() throws {
    let client = EngineClient()
    var fields = EngineClient.fields(Sample.chat.path)
    fields.add(name: "k-bin", value: "AQ==,Ag, ,AwQ=")
    fields.add(name: "k-bin", value: "BQ")
    _ = try #require(client.session.sendRequest(fields, endStream: true))
    client.exchange()
    let call = try #require(client.started.first)
    #expect(call.context.metadata.binaryValues(for: "k-bin") == [[1], [2], [], [3, 4], [5]])
  }

  // Point 2.
  @Test(arguments: ["A", "AQ=", "A===", "AQ==A", "A Q", "AQ-_", "ä"])
  func aBinaryValueThatIsNoBase64FailsTheCall(value: String) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("k-bin", value)])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "13")
    #expect(try client.seen(stream).grpcMessage?.contains("k-bin") == true)
  }

  // Point 2.
  @Test func aResponseWithABinaryValueThatIsNoBase64Fails() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(stream, EngineServer.headers + [("k-bin", "*")], trailers: [("grpc-status", "0")])
    #expect(try server.failure(stream).code == .internalError)
  }

  // Point 13.
  @Test(arguments: Sample.all)
  func everyRequestAsksForTrailers(method: MethodDescriptor) throws {
    let server = EngineServer()
    let isStreaming = method.kind == .clientStreaming || method.kind == .bidirectional
    let stream = try server.call(method, message: isStreaming ? nil : Sample.text("x"))
    let block = try #require(server.log.streams[stream]?.blocks.first)
    #expect(
      block.fields == [
        ":method": ["POST"], ":scheme": ["http"], ":path": [method.path], ":authority": ["server.test"],
        "te": ["trailers"], "content-type": ["application/grpc"], "user-agent": ["test"],
        "grpc-accept-encoding": ["identity,gzip,deflate"],
      ]
    )
  }

  // Point 13.
  @Test(arguments: ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"])
  func aRequestWithAFieldOfAConnectionIsReset(name: String) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [(name, "close")])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).closed == .protocolError)
  }

  // Point 13.
  @Test(arguments: [nil, "gzip"])
  func aRequestThatDoesNotAskForTrailersFails(te: String?) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("te", te)])
    #expect(client.started.isEmpty)
    if te == nil {
      #expect(try client.seen(stream).grpcStatus == "13")
    } else {
      // HTTP/2 itself allows no other value (RFC 9113, section 8.2.2).
      #expect(try client.seen(stream).closed == .protocolError)
    }
  }

  // Point 13.
  @Test func reservedFieldsAreNotGivenToApplications() throws {
    let metadata = try self.received([
      ("grpc-timeout", "1S"), ("grpc-encoding", "identity"), ("grpc-accept-encoding", "gzip"),
      ("grpc-new-thing", "1"), ("user-agent", "test"), ("mine", "2"),
      ("grpc-previous-rpc-attempts", "3"), ("grpc-retry-pushback-ms", "4"),
    ])
    #expect(
      metadata.map(\.name) == [
        "user-agent", "mine", "grpc-previous-rpc-attempts", "grpc-retry-pushback-ms",
      ]
    )
  }

  // Point 13.
  @Test func errorDetailsAreGivenToTheCaller() throws {
    let server = EngineServer()
    let stream = try server.call()
    server.answer(
      stream,
      EngineServer.headers + [("grpc-status", "9"), ("grpc-status-details-bin", "AQI"), ("grpc-tags", "x")]
    )
    let error = try server.failure(stream)
    #expect(error.metadata.map(\.name) == ["grpc-status-details-bin"])
    #expect(error.metadata[binary: "grpc-status-details-bin"] == [1, 2])
    #expect(error.origin == .remote)
  }

  // Point 13.
  @Test(arguments: ["grpc-status", ":path", "te", "content-type", "Grpc-Secret", "a b", "ümlaut", ""])
  func aNameThatMayNotBeSentFailsTheCallBeforeItIsSent(name: String) throws {
    let server = EngineServer()
    let error = #expect(throws: RPCError.self) {
      _ = try server.call(metadata: [name: "value"])
    }
    #expect(error?.code == .internalError)
    #expect(server.log.streams.isEmpty)
  }

  // Point 20.
  @Test func spaceAroundATextValueIsNoPartOfIt() throws {
    let metadata = try self.received([("a", "  in the middle \t"), ("b", " "), ("c", "")])
    #expect(metadata["a"] == "in the middle")
    #expect(metadata["b"] == "" && metadata["c"] == "")
  }

  // Point 20.
  @Test func aValueThatIsLegalInHTTPAndNotASCIIIsNoError() throws {
    let client = EngineClient()
    var fields = EngineClient.fields(Sample.chat.path)
    fields.add(name: Array("odd".utf8), value: [0xC3, 0xBC, 0x20, 0xFF])
    _ = try #require(client.session.sendRequest(fields, endStream: true))
    client.exchange()
    #expect(try #require(client.started.first).context.metadata["odd"] == "ü \u{FFFD}")
  }

  // Point 20.
  @Test(arguments: ["line\nbreak", "ü", "\u{7F}", "tab\t"])
  func aValueThatIsNotPrintableASCIIIsNotSent(value: String) {
    let server = EngineServer()
    #expect(throws: RPCError.self) {
      _ = try server.call(metadata: ["key": value])
    }
  }

  @Test func orderAndDuplicatesSurviveTheWayThereAndBack() {
    let pair = LinkedPair(
      handlers: [
        ScriptedHandler(Sample.unary) { call, _ in
          call.context.addInitialMetadata("1", for: "i")
          call.context.addInitialMetadata(binary: [0, 255], for: "i-bin")
          for value in call.context.metadata.values(for: "k") {
            call.context.addTrailingMetadata(value, for: "back")
          }
          return [.answer(Sample.text(""))]
        }
      ]
    )
    var plan = Sample.plan(Sample.unary)
    plan.metadata = ["k": "z", "other": "x", "K": "a"]
    let call = pair.start(plan)
    #expect(pair.run() == .done)
    var initial: Metadata = ["i": "1"]
    initial.add(binary: [0, 255], for: "i-bin")
    #expect(
      pair.calls[call].outcome == .succeeded(initial: initial, trailing: ["back": "z", "back": "a"])
    )
  }
}
