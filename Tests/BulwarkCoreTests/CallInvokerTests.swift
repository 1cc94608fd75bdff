import BulwarkCore
import NIOCore
import Synchronization
import Testing

@Suite struct CallInvokerTests {
  private let lost = RPCError(code: .unavailable, message: "lost", origin: .transport)

  // MARK: - Unary

  @Test func aUnaryCallIsEncodedSentAndDecoded() async throws {
    let options = CallOptions(metadata: ["k": "v"])
    let response = try await FakeInvoker().unary(TextMethod.method(.unary), "ping", options: options)
    #expect(response == Response(message: "ping", metadata: ["k": "v"], trailingMetadata: ["t": "1"]))
  }

  @Test func aUnaryErrorIsThrownAsItCame() async {
    await #expect(throws: RPCError(code: .notFound, message: "empty", origin: .remote)) {
      _ = try await FakeInvoker().unary(TextMethod.method(.unary), "")
    }
    await #expect(throws: RPCError(code: .internalError, message: "cannot encode")) {
      _ = try await FakeInvoker().unary(TextMethod.method(.unary), "bad")
    }
  }

  // MARK: - Server streaming

  @Test func responsesComeInOrderUntilTheEnd() async throws {
    let fake = FakeClientStream([.text("a"), .text(""), .text("b")])
    let request = Mutex<String?>(nil)
    let invoker = FakeInvoker(fake: fake) { message in
      request.withLock { $0 = message.map { String(buffer: $0) } }
    }
    let stream = invoker.serverStreaming(TextMethod.method(.serverStreaming), "go")
    var responses: [String] = []
    for try await response in stream {
      responses.append(response)
    }
    #expect(responses == ["a", "", "b"])
    #expect(request.withLock { $0 } == "go")
    #expect(try await stream.initialMetadata == ["initial": "1"])
    #expect(stream.trailingMetadata == ["trailing": "2"])
  }

  @Test func anErrorComesAfterTheResponsesBeforeIt() async {
    let invoker = FakeInvoker(fake: FakeClientStream([.text("a"), .failure(self.lost)]))
    var responses: [String] = []
    await #expect(throws: self.lost) {
      for try await response in invoker.serverStreaming(TextMethod.method(.serverStreaming), "go") {
        responses.append(response)
      }
    }
    #expect(responses == ["a"])
  }

  @Test func aRequestThatCannotBeEncodedFailsTheStreamAndStartsNoCall() async {
    let starts = Mutex(0)
    let invoker = FakeInvoker { _ in starts.withLock { $0 += 1 } }
    let stream = invoker.serverStreaming(TextMethod.method(.serverStreaming), "bad")
    await #expect(throws: RPCError(code: .internalError, message: "cannot encode")) {
      for try await _ in stream {}
    }
    await #expect(throws: RPCError.self) { _ = try await stream.initialMetadata }
    #expect(stream.trailingMetadata.isEmpty)
    #expect(starts.withLock { $0 } == 0)
  }

  @Test func aResponseThatCannotBeDecodedIsThrown() async {
    let invoker = FakeInvoker(fake: FakeClientStream([.text("bad")]))
    await #expect(throws: RPCError(code: .internalError, message: "cannot decode")) {
      for try await _ in invoker.serverStreaming(TextMethod.method(.serverStreaming), "go") {}
    }
  }

  @Test func aStreamThatIsLetGoCancelsItsCall() async throws {
    let fake = FakeClientStream([.text("a"), .text("b")])
    do {
      let stream = FakeInvoker(fake: fake).serverStreaming(TextMethod.method(.serverStreaming), "go")
      var iterator = stream.makeAsyncIterator()
      #expect(try await iterator.next() == "a")
      #expect(fake.cancellations == 0)
    }
    #expect(fake.cancellations == 1)
  }

  // MARK: - Client streaming

  @Test func requestsAreWrittenAndTheOneResponseIsReturned() async throws {
    let fake = FakeClientStream([.text("stored")])
    let response = try await FakeInvoker(fake: fake).clientStreaming(TextMethod.method(.clientStreaming)) {
      try await $0.write("a")
      try await $0.write(contentsOf: ["b", "c"])
    }
    let expected = Response(
      message: "stored",
      metadata: ["initial": "1"],
      trailingMetadata: ["trailing": "2"]
    )
    #expect(response == expected)
    #expect(fake.written == ["a", "b", "c"])
    #expect(fake.isFinished)
  }

  @Test(arguments: [[], [Result<ByteBuffer, RPCError>.text("a"), .text("b")]])
  func aResponseThatIsNotExactlyOneIsUnimplemented(responses: [Result<ByteBuffer, RPCError>]) async {
    let error = await #expect(throws: RPCError.self) {
      _ = try await FakeInvoker(fake: FakeClientStream(responses))
        .clientStreaming(TextMethod.method(.clientStreaming)) { _ in }
    }
    #expect(error?.code == .unimplemented)
  }

  @Test func aServerThatAnswersEarlyIsHeard() async throws {
    let fake = FakeClientStream([.text("enough")], writesBeforeEnd: 1)
    let response = try await FakeInvoker(fake: fake).clientStreaming(TextMethod.method(.clientStreaming)) {
      try await $0.write(contentsOf: ["a", "b", "c"])
    }
    #expect(response.message == "enough")
    #expect(fake.written == ["a"])
  }

  @Test func aServerThatFailsEarlyIsHeard() async {
    let refused = RPCError(code: .permissionDenied, message: "no", origin: .remote)
    let fake = FakeClientStream([.failure(refused)], writesBeforeEnd: 0)
    await #expect(throws: refused) {
      _ = try await FakeInvoker(fake: fake).clientStreaming(TextMethod.method(.clientStreaming)) {
        try await $0.write("a")
      }
    }
  }

  @Test func anErrorOfTheBodyCancelsTheCallAndIsThrown() async {
    struct Stop: Error {}
    let fake = FakeClientStream([.text("never read")])
    await #expect(throws: Stop.self) {
      _ = try await FakeInvoker(fake: fake).clientStreaming(TextMethod.method(.clientStreaming)) { _ in
        throw Stop()
      }
    }
    #expect(fake.cancellations == 1 && !fake.isFinished)
  }

  @Test func aRequestThatCannotBeEncodedIsTheCallersError() async {
    let fake = FakeClientStream([.text("never read")])
    await #expect(throws: RPCError(code: .internalError, message: "cannot encode")) {
      _ = try await FakeInvoker(fake: fake).clientStreaming(TextMethod.method(.clientStreaming)) {
        try await $0.write("bad")
      }
    }
    #expect(fake.cancellations == 1)
  }

  // MARK: - Bidirectional

  @Test func bothDirectionsAreOpenUntilTheBodyReturns() async throws {
    let fake = FakeClientStream([.text("1"), .text("2")])
    let sum = try await FakeInvoker(fake: fake).bidirectional(TextMethod.method(.bidirectional)) {
      requests,
      responses in
      try await requests.write("a")
      requests.finish()
      var all = ""
      for try await response in responses {
        all += response
      }
      #expect(fake.cancellations == 0)
      return all
    }
    #expect(sum == "12")
    #expect(fake.written == ["a"] && fake.isFinished)
    #expect(fake.cancellations >= 1)
  }

  @Test func leavingTheBodyCancelsWhatIsLeft() async {
    let fake = FakeClientStream([.text("1"), .text("2")])
    await #expect(throws: CancellationError.self) {
      try await FakeInvoker(fake: fake).bidirectional(TextMethod.method(.bidirectional)) { _, _ in
        throw CancellationError()
      }
    }
    #expect(fake.cancellations >= 1)
  }

  // MARK: - Options

  @Test func aTimeoutOfACallReplacesThatOfItsOptionsAndNoneLeavesThemAlone() {
    let options = CallOptions(timeout: .seconds(5), waitForReady: true)
    #expect(options.with(timeout: .seconds(1)).timeout == .seconds(1))
    #expect(options.with(timeout: .seconds(1)).waitForReady)
    #expect(options.with(timeout: nil).timeout == .seconds(5))
  }
}
