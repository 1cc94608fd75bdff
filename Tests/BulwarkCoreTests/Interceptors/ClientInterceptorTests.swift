import NIOCore
import Synchronization
import Testing

@testable import BulwarkCore

/// A client whose streams are taken from a list, and which keeps what it is asked for.
private final class ListInvoker: CallInvoker {
  struct Asked {
    var messages: [String] = []
    var options: [CallOptions] = []
  }

  let asked = Mutex(Asked())
  private let streams: Mutex<[FakeClientStream]>
  private let failures: Int

  /// - Parameter failures: how many unary calls fail before one succeeds.
  init(_ streams: [FakeClientStream] = [], failures: Int = 0) {
    self.streams = Mutex(streams)
    self.failures = failures
  }

  private func note(_ message: ByteBuffer?, _ options: CallOptions) -> Int {
    self.asked.withLock {
      $0.messages.append(message.map { String(buffer: $0) } ?? "-")
      $0.options.append(options)
      return $0.messages.count
    }
  }

  func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    guard self.note(message, options) > self.failures else {
      throw RPCError(code: .unavailable, message: "down", origin: .remote)
    }
    return Response(message: message, metadata: ["i": "1"], trailingMetadata: ["t": "1"])
  }

  func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    _ = self.note(onlyRequest, options)
    return self.streams.withLock { $0.removeFirst() }
  }
}

/// Interceptors around calls, without a connection.
@Suite struct ClientInterceptorTests {
  private static let unary = TextMethod.method(.unary)
  private static let download = TextMethod.method(.serverStreaming)
  private static let chat = TextMethod.method(.bidirectional)

  private func invoker(_ base: any CallInvoker, _ interceptors: [any Interceptor]) -> InterceptedInvoker {
    InterceptedInvoker(
      base,
      interceptors: interceptors,
      peer: Peer(address: "server"),
      time: TimeSource { MonotonicInstant(nanoseconds: 100) }
    )
  }

  /// Makes the call again as long as that can do anything, up to three attempts.
  private static let retrying = Around(level: .reissue) { (request, next) throws(RPCError) in
    var request = request
    while true {
      do throws(RPCError) {
        return try await next(request)
      } catch {
        guard request.attempt < 3, request.canBeReissued else { throw error }
        request.attempt += 1
      }
    }
  }

  private static let down = RPCError(code: .unavailable, message: "down", origin: .remote)

  @Test func anInterceptorChangesWhatIsSentAndWhatIsReceived() async throws {
    let base = ListInvoker()
    let invoker = self.invoker(
      base,
      [
        Around { (request, next) throws(RPCError) in
          #expect(request.side == .client && request.peer == Peer(address: "server") && request.attempt == 1)
          #expect(request.deadline == MonotonicInstant(nanoseconds: 150))
          var request = request
          request.metadata.add("Bearer 1", for: "authorization")
          var response = try await next(request)
          response.metadata.add("2", for: "seen")
          return response
        }
      ]
    )
    let options = CallOptions(timeout: .nanoseconds(50), metadata: ["a": "b"])
    let response = try await invoker.unary(Self.unary, "hi", options: options)
    #expect(
      response == Response(message: "hi", metadata: ["i": "1", "seen": "2"], trailingMetadata: ["t": "1"])
    )
    let sent = try #require(base.asked.withLock { $0.options.first })
    #expect(sent.metadata == ["a": "b", "authorization": "Bearer 1"])
    #expect(sent.deadline == MonotonicInstant(nanoseconds: 150) && sent.timeout == nil)
  }

  @Test func attemptsOfACallThatCompressesShareWhatTheyMake() async throws {
    let base = ListInvoker(failures: 2)
    let invoker = self.invoker(base, [Self.retrying])
    _ = try await invoker.unary(Self.unary, "hi", options: CallOptions(compression: .gzip))
    let shared = base.asked.withLock { $0.options.map(\.keptCompression) }
    #expect(shared.count == 3)
    #expect(shared[0] != nil && shared.allSatisfy { $0 === shared[0] })
    #expect(base.asked.withLock { $0.options.allSatisfy { $0.compression == .gzip } })
  }

  @Test func aCallThatDoesNotCompressKeepsNothingForIt() async throws {
    let base = ListInvoker(failures: 2)
    _ = try await self.invoker(base, [Self.retrying]).unary(Self.unary, "hi")
    #expect(base.asked.withLock { $0.options.allSatisfy { $0.keptCompression == nil } })
  }

  @Test func whatIsInsideRetriesRunsOncePerAttemptWithTheSameBytes() async throws {
    let notes = Notes()
    let base = ListInvoker(failures: 2)
    let invoker = self.invoker(
      base,
      [
        Noting(name: "attempt", notes: notes).perAttempt(), Self.retrying, Noting(name: "call", notes: notes),
      ]
    )
    #expect(try await invoker.unary(Self.unary, "hi").message == "hi")
    #expect(base.asked.withLock { $0.messages } == ["hi", "hi", "hi"])
    #expect(
      notes.all.filter { !$0.contains("?") } == [
        "call 1", "attempt 1", "attempt UNAVAILABLE", "attempt 2", "attempt UNAVAILABLE", "attempt 3",
        "attempt OK", "call OK",
      ]
    )
  }

  @Test func aMethodThatNothingAppliesToGoesStraightToTheClient() async throws {
    let notes = Notes()
    let fake = FakeClientStream()
    let invoker = self.invoker(
      ListInvoker([fake]),
      [Noting(name: "a", notes: notes).applied(to: .methods(Self.unary.descriptor))]
    )
    let stream = invoker.stream(Self.chat.descriptor, CallOptions(), onlyRequest: nil)
    #expect(stream === fake)
    for _ in 0..<3 { _ = try await invoker.unary(Self.unary, "x") }
    #expect(notes.all == ["a? unary"] + Array(repeating: ["a 1", "a OK"], count: 3).flatMap { $0 })
  }

  @Test func aStreamsInterceptorIsToldOfItsEndWhenItsReaderMeetsIt() async throws {
    let notes = Notes()
    let fake = FakeClientStream([.text("a"), .text("bc")])
    let invoker = self.invoker(
      ListInvoker([fake]),
      [Measuring(notes: notes), Noting(name: "n", notes: notes)]
    )
    let responses = invoker.serverStreaming(Self.download, "request")
    var texts: [String] = []
    for try await text in responses {
      #expect(!notes.all.contains("n OK"))
      texts.append(text)
    }
    #expect(texts == ["a", "bc"])
    #expect(responses.trailingMetadata == ["trailing": "2"])
    #expect(try await responses.initialMetadata == ["initial": "1"])
    #expect(notes.all == ["n? serverStreaming", "n 1", "n OK", "1/7 2/3"])
  }

  @Test func aReaderIsToldWhatTheInterceptorsMakeOfTheEnd() async throws {
    let invoker = self.invoker(
      ListInvoker([FakeClientStream([.text("a"), .failure(Self.down)])]),
      [
        Around { (request, next) throws(RPCError) in
          do throws(RPCError) {
            return try await next(request)
          } catch {
            throw RPCError(code: .aborted, message: "replaced \(error.code)", metadata: ["x": "1"])
          }
        }
      ]
    )
    let responses = invoker.serverStreaming(Self.download, "request")
    var iterator = responses.makeAsyncIterator()
    #expect(try await iterator.next() == "a")
    let error = await #expect(throws: RPCError.self) { try await iterator.next() }
    #expect(error?.message == "replaced UNAVAILABLE")
    #expect(responses.trailingMetadata == ["x": "1"])
  }

  @Test func aStreamIsMadeAgainUntilAPartOfItsResponseHasReachedTheCaller() async throws {
    let streams = [
      FakeClientStream([.failure(Self.down)]), FakeClientStream([.text("a"), .failure(Self.down)]),
      FakeClientStream([.text("never")]),
    ]
    let base = ListInvoker(streams)
    let invoker = self.invoker(base, [Self.retrying])
    var iterator = invoker.serverStreaming(Self.download, "request").makeAsyncIterator()
    #expect(try await iterator.next() == "a")
    await #expect(throws: Self.down) { try await iterator.next() }
    #expect(base.asked.withLock { $0.messages } == ["request", "request"])
  }

  @Test func anAttemptAfterAPartOfAResponseIsRefused() async throws {
    let invoker = self.invoker(
      ListInvoker([FakeClientStream([.text("a"), .failure(Self.down)]), FakeClientStream([.text("b")])]),
      [
        Around { (request, next) throws(RPCError) in
          do throws(RPCError) { return try await next(request) } catch { return try await next(request) }
        }
      ]
    )
    var iterator = invoker.serverStreaming(Self.download, "request").makeAsyncIterator()
    #expect(try await iterator.next() == "a")
    let error = await #expect(throws: RPCError.self) { try await iterator.next() }
    #expect(error?.code == .failedPrecondition)
  }

  @Test func writesPassTheTapsAndTheEndOfTheRequestsIsPassedOn() async throws {
    let notes = Notes()
    let fake = FakeClientStream([.text("done")])
    let invoker = self.invoker(ListInvoker([fake]), [Measuring(notes: notes)])
    try await invoker.bidirectional(Self.chat) { requests, responses in
      try await requests.write(contentsOf: ["a", "bc"])
      requests.finish()
      for try await _ in responses {}
    }
    #expect(fake.written == ["a", "bc"])
    #expect(fake.isFinished)
    #expect(notes.all == ["2/3 1/4"])
  }

  @Test func lettingAStreamGoIsAnEndLikeAnyOther() async throws {
    let notes = Notes()
    let (ended, end) = AsyncStream.makeStream(of: StatusCode.self)
    let fake = FakeClientStream([.text("a")])
    let invoker = self.invoker(
      ListInvoker([fake]),
      [
        Around { (request, next) throws(RPCError) in
          do throws(RPCError) {
            return try await next(request)
          } catch {
            end.yield(error.code)
            throw error
          }
        }, Noting(name: "n", notes: notes),
      ]
    )
    do {
      var iterator = invoker.serverStreaming(Self.download, "request").makeAsyncIterator()
      #expect(try await iterator.next() == "a")
    }
    #expect(await ended.first { _ in true } == .cancelled)
    #expect(notes.all.filter { $0.hasPrefix("n ") } == ["n 1", "n CANCELLED"])
    #expect(fake.cancellations > 0)
  }

  @Test func aCallerThatGoesBeforeTheFirstAttemptIsNotKeptWaiting() async throws {
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let invoker = self.invoker(
      ListInvoker(),
      [
        Around { (request, next) throws(RPCError) in
          start.yield()
          // Waits for ever, as for a token that never comes; cancelling the call ends it.
          for await _ in AsyncStream<Void>(unfolding: { try? await Task.sleep(for: .seconds(3600)) }) {}
          return try await next(request)
        }
      ]
    )
    let reader = Task {
      for try await _ in invoker.serverStreaming(Self.download, "request") {}
    }
    _ = await started.first { _ in true }
    reader.cancel()
    let error = await #expect(throws: RPCError.self) { try await reader.value }
    #expect(error?.code == .cancelled)
  }

  @Test func aTapThatThrowsEndsTheCallForReaderAndInterceptor() async throws {
    let notes = Notes()
    let fake = FakeClientStream([.text("a"), .text("b")])
    let invoker = self.invoker(
      ListInvoker([fake]),
      [
        Noting(name: "n", notes: notes),
        Around { (request, next) throws(RPCError) in
          var request = request
          request.onResponseMessage { (message) throws(RPCError) in
            if message == ByteBuffer(string: "b") { throw RPCError(code: .dataLoss, message: "b") }
          }
          return try await next(request)
        },
      ]
    )
    var iterator = invoker.serverStreaming(Self.download, "request").makeAsyncIterator()
    #expect(try await iterator.next() == "a")
    let error = await #expect(throws: RPCError.self) { try await iterator.next() }
    #expect(error?.code == .dataLoss)
    #expect(notes.all.last == "n DATA_LOSS")
    #expect(fake.cancellations > 0)
  }
}
