import NIOCore
import Synchronization
import Testing

@testable import BulwarkCore

/// Interceptors around handlers, without a connection.
@Suite struct ServerInterceptorTests {
  private static let unary = TextMethod.method(.unary)
  private static let bidirectional = TextMethod.method(.bidirectional)

  private func registry(
    _ interceptors: [any Interceptor],
    unary: @escaping @Sendable (String, CallContext) async throws -> String = { text, _ in text },
    bidirectional:
      @escaping @Sendable (RequestStream<String>, ResponseWriter<String>, CallContext) async throws -> Void =
      {
        requests,
        responses,
        _ in
        for try await text in requests { try await responses.write(text + text) }
      }
  ) -> ServiceRegistry {
    var registry = ServiceRegistry()
    registry.unary(Self.unary, unary)
    registry.bidirectional(Self.bidirectional, bidirectional)
    registry.protect(gates: [], interceptors: interceptors)
    return registry
  }

  private func context(_ kind: CallKind, _ metadata: Metadata = [:]) -> CallContext {
    CallContext(
      method: TextMethod.method(kind).descriptor,
      metadata: metadata,
      peer: Peer(address: "test"),
      deadline: MonotonicInstant(nanoseconds: 50),
      time: TimeSource { MonotonicInstant(nanoseconds: 0) }
    )
  }

  private func call(
    _ registry: ServiceRegistry,
    _ text: String,
    _ context: CallContext? = nil
  ) async throws -> String {
    let entry = try #require(registry.entries.first { $0.descriptor == Self.unary.descriptor })
    guard case .unary(let handler) = entry.handler else { return "" }
    return String(buffer: try await handler(ByteBuffer(string: text), context ?? self.context(.unary)))
  }

  private func stream(
    _ registry: ServiceRegistry,
    _ texts: [String],
    _ context: CallContext? = nil
  ) async throws -> [String] {
    let entry = try #require(registry.entries.first { $0.descriptor == Self.bidirectional.descriptor })
    guard case .stream(let handler) = entry.handler else { return [] }
    let sink = KeepingSink()
    try await handler(FixedSource(texts), sink, context ?? self.context(.bidirectional))
    return sink.texts
  }

  @Test func aHandlerIsNotStartedForACallThatEndedWhileAnInterceptorWaited() async throws {
    let started = Notes()
    let context = self.context(.unary)
    let registry = self.registry(
      [
        Around { (request, next) throws(RPCError) in
          context.end(RPCError(code: .deadlineExceeded, message: "late"))
          return try await next(request)
        }
      ],
      unary: { text, _ in
        started.add(text)
        return text
      }
    )
    let error = await #expect(throws: RPCError.self) { try await self.call(registry, "late", context) }
    #expect(error?.code == .deadlineExceeded)
    #expect(started.all.isEmpty)
  }

  @Test func theFirstOfALevelIsTheOutermostAndTheLevelsFollowEachOther() async throws {
    let notes = Notes()
    let registry = self.registry([
      Noting(name: "attempt", notes: notes, level: .attempt), Noting(name: "a", notes: notes),
      Noting(name: "b", notes: notes),
    ])
    let before = notes.all.count
    #expect(try await self.call(registry, "x") == "x")
    #expect(
      notes.all.dropFirst(before) == ["a 1", "b 1", "attempt 1", "attempt OK", "b OK", "a OK"]
    )
  }

  @Test func whatAppliesIsAskedOncePerMethodAndNeverInACall() async throws {
    let notes = Notes()
    let registry = self.registry([Noting(name: "a", notes: notes)])
    #expect(Set(notes.all) == ["a? unary", "a? bidirectional"])
    #expect(notes.all.count == 2)
    for _ in 0..<3 { _ = try await self.call(registry, "x") }
    #expect(notes.all.filter { $0.contains("?") }.count == 2)
  }

  @Test(arguments: [
    (MethodScope.services("text"), true), (.services("other"), false),
    (.methods(TextMethod.method(.unary).descriptor), true),
    (.methods(TextMethod.method(.bidirectional).descriptor), false), (.matching { $0.kind == .unary }, true),
    (.all.except(.methods(TextMethod.method(.unary).descriptor)), false),
  ])
  func aScopeSaysWhichMethodsItAppliesTo(scope: MethodScope, applies: Bool) async throws {
    let notes = Notes()
    let registry = self.registry([Noting(name: "a", notes: notes).applied(to: scope).perAttempt()])
    _ = try await self.call(registry, "x")
    #expect(notes.all.contains("a OK") == applies)
  }

  @Test func anInterceptorMayAnswerInTheHandlersPlace() async throws {
    let registry = self.registry([
      Around { (_, _) throws(RPCError) in
        CallResponse(message: ByteBuffer(string: "cached"), metadata: ["from": "cache"])
      }
    ]) { _, _ in
      Issue.record("the handler ran")
      return ""
    }
    let context = self.context(.unary)
    #expect(try await self.call(registry, "x", context) == "cached")
    #expect(context.initialMetadata == ["from": "cache"])
  }

  @Test func anAnswerToAUnaryCallNeedsAMessage() async throws {
    let registry = self.registry([Around { (_, _) throws(RPCError) in CallResponse(message: nil) }])
    let error = await #expect(throws: RPCError.self) { try await self.call(registry, "x") }
    #expect(error?.code == .internalError)
  }

  @Test(arguments: [CallKind.unary, .bidirectional])
  func theHandlerSeesTheMetadataThatAnInterceptorLeavesIt(kind: CallKind) async throws {
    let registry = self.registry(
      [
        Around { (request, next) throws(RPCError) in
          var request = request
          request.metadata.add("alice", for: "identity")
          request.deadline = MonotonicInstant(nanoseconds: 20)
          var response = try await next(request)
          response.trailingMetadata.add("1", for: "outer")
          return response
        }
      ],
      unary: { text, context in
        #expect(CallContext.current === context)
        #expect(context.timeRemaining == .nanoseconds(20))
        context.addTrailingMetadata("2", for: "handler")
        return text + (context.metadata["identity"] ?? "nobody")
      },
      bidirectional: { _, responses, context in
        context.addTrailingMetadata("2", for: "handler")
        try await responses.write(context.metadata["identity"] ?? "nobody")
      }
    )
    let context = self.context(kind, ["token": "t"])
    if kind == .unary {
      #expect(try await self.call(registry, "x", context) == "xalice")
    } else {
      #expect(try await self.stream(registry, [], context) == ["alice"])
    }
    #expect(context.trailingMetadata == ["handler": "2", "outer": "1"])
  }

  @Test(arguments: [CallKind.unary, .bidirectional])
  func anInterceptorMayReplaceTheError(kind: CallKind) async throws {
    struct Foreign: Error {}
    let notes = Notes()
    let registry = self.registry(
      [
        Around { (request, next) throws(RPCError) in
          do throws(RPCError) {
            return try await next(request)
          } catch {
            throw RPCError(code: .unavailable, message: "try the next node")
          }
        }, Noting(name: "inner", notes: notes),
      ],
      unary: { _, _ in throw Foreign() },
      bidirectional: { _, _, _ in throw Foreign() }
    )
    let error = await #expect(throws: RPCError.self) {
      if kind == .unary {
        _ = try await self.call(registry, "x")
      } else {
        _ = try await self.stream(registry, [])
      }
    }
    #expect(error?.code == .unavailable)
    #expect(notes.all.last == "inner UNKNOWN")
  }

  @Test func tapsMeasureTheMessagesOfEveryKind() async throws {
    let notes = Notes()
    let registry = self.registry([Measuring(notes: notes)])
    #expect(try await self.call(registry, "four") == "four")
    #expect(notes.all.last == "1/4 1/4")
    #expect(try await self.stream(registry, ["a", "bc"]) == ["aa", "bcbc"])
    #expect(notes.all.last == "2/3 2/6")
  }

  @Test func requestsMeetTheTapsInTheOrderOfTheInterceptorsAndResponsesInTheOpposite() async throws {
    func marking(_ mark: String) -> Around {
      Around { (request, next) throws(RPCError) in
        var request = request
        request.onRequestMessage { (message) throws(RPCError) in message.writeString(mark) }
        request.onResponseMessage { (message) throws(RPCError) in message.writeString(mark) }
        return try await next(request)
      }
    }
    let registry = self.registry([marking("1"), marking("2")])
    #expect(try await self.call(registry, "x") == "x1221")
    #expect(try await self.stream(registry, ["x"]) == ["x12x1221"])
  }

  @Test func aTapThatThrowsEndsTheCall() async throws {
    let registry = self.registry([
      Around { (request, next) throws(RPCError) in
        var request = request
        request.onRequestMessage { (message) throws(RPCError) in
          if message.readableBytes > 1 { throw RPCError(code: .resourceExhausted, message: "too long") }
        }
        return try await next(request)
      }
    ])
    let error = await #expect(throws: RPCError.self) { try await self.stream(registry, ["a", "bc", "d"]) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test(arguments: [CallKind.unary, .bidirectional])
  func aCallThatWasOverBeforeItsHandlerEndsForTheInterceptorsAsItDid(kind: CallKind) async throws {
    let notes = Notes()
    let context = self.context(kind)
    let late = RPCError(code: .deadlineExceeded, message: "late")
    let registry = self.registry(
      [Noting(name: "a", notes: notes)],
      unary: { text, context in
        context.end(late)
        return text
      },
      bidirectional: { _, _, context in
        context.end(late)
        throw CancellationError()
      }
    )
    await #expect(throws: late) {
      if kind == .unary {
        _ = try await self.call(registry, "x", context)
      } else {
        _ = try await self.stream(registry, [], context)
      }
    }
    #expect(notes.all.suffix(2) == ["a 1", "a DEADLINE_EXCEEDED"])
  }

  @Test func theAttemptIsTheOneThatTheClientSpeaksOf() async throws {
    let notes = Notes()
    let registry = self.registry([Noting(name: "a", notes: notes)])
    _ = try await self.call(registry, "x", self.context(.unary, ["grpc-previous-rpc-attempts": "2"]))
    #expect(notes.all.contains("a 3"))
  }

  @Test func aRequestOfAnotherCallIsNotPassedOn() async throws {
    let stolen = Mutex<CallRequest?>(nil)
    let registry = self.registry([
      Around { (request, next) throws(RPCError) in
        let earlier = stolen.withLock { kept in
          defer { kept = request }
          return kept
        }
        return try await next(earlier ?? request)
      }
    ])
    _ = try await self.call(registry, "x")
    let error = await #expect(throws: RPCError.self) { try await self.stream(registry, ["x"]) }
    #expect(error?.code == .failedPrecondition)
  }
}
