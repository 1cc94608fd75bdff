import BulwarkCore
import NIOCore
import Synchronization
import Testing

/// Requests that a test has written down.
private final class Requests: MessageSource {
  private let messages: Mutex<[ByteBuffer]>

  init(_ texts: [String]) {
    self.messages = Mutex(texts.map { ByteBuffer(string: $0) })
  }

  func next() async throws(RPCError) -> ByteBuffer? {
    self.messages.withLock { $0.isEmpty ? nil : $0.removeFirst() }
  }
}

/// Where a handler's responses are kept.
private final class Responses: MessageSink {
  private let messages = Mutex<[String]>([])

  func write(_ message: ByteBuffer) async throws(RPCError) {
    self.messages.withLock { $0.append(String(buffer: message)) }
  }

  var texts: [String] { self.messages.withLock { $0 } }
}

private struct Greeter: RPCService {
  var name = "a"

  func register(in registry: inout ServiceRegistry) {
    let name = self.name
    registry.unary(TextMethod.method(.unary)) { text, _ in name + text }
    registry.clientStreaming(TextMethod.method(.clientStreaming)) { requests, _ in
      var all = ""
      for try await text in requests { all += text }
      return all
    }
    registry.serverStreaming(TextMethod.method(.serverStreaming)) { text, responses, _ in
      try await responses.write(contentsOf: text.map { String($0) })
    }
    registry.bidirectional(TextMethod.method(.bidirectional)) { requests, responses, _ in
      for try await text in requests { try await responses.write(text.uppercased()) }
    }
  }
}

@Suite struct ServiceTests {
  private var registry: ServiceRegistry {
    var registry = ServiceRegistry()
    Greeter().register(in: &registry)
    return registry
  }

  private func context(_ kind: CallKind) -> CallContext {
    CallContext(
      method: TextMethod.method(kind).descriptor,
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: nil,
      time: TimeSource { MonotonicInstant(nanoseconds: 0) }
    )
  }

  private func entry(_ kind: CallKind) throws -> MethodEntry {
    try #require(self.registry.entries.first { $0.descriptor.kind == kind })
  }

  /// What a streaming handler answers to these requests.
  private func answer(_ kind: CallKind, _ requests: [String]) async throws -> [String] {
    guard case .stream(let handler) = try self.entry(kind).handler else { return [] }
    let responses = Responses()
    try await handler(Requests(requests), responses, self.context(kind))
    return responses.texts
  }

  @Test func aUnaryHandlerWorksOnItsTypes() async throws {
    guard case .unary(let handler) = try self.entry(.unary).handler else {
      Issue.record("the handler is not unary")
      return
    }
    let answer = try await handler(ByteBuffer(string: "b"), self.context(.unary))
    #expect(String(buffer: answer) == "ab")
    await #expect(throws: RPCError(code: .internalError, message: "cannot decode")) {
      _ = try await handler(ByteBuffer(string: "bad"), self.context(.unary))
    }
  }

  @Test func streamingHandlersWorkOnTheirTypes() async throws {
    #expect(try await self.answer(.clientStreaming, ["a", "b", "c"]) == ["abc"])
    #expect(try await self.answer(.clientStreaming, []) == [""])
    #expect(try await self.answer(.serverStreaming, ["xyz"]) == ["x", "y", "z"])
    #expect(try await self.answer(.bidirectional, ["a", "b"]) == ["A", "B"])
  }

  @Test(arguments: [[], ["a", "b"]])
  func aServerStreamingCallTakesExactlyOneRequest(requests: [String]) async {
    let error = await #expect(throws: RPCError.self) {
      _ = try await self.answer(.serverStreaming, requests)
    }
    #expect(error?.code == .unimplemented)
  }

  @Test func aRequestThatCannotBeDecodedEndsTheStream() async {
    await #expect(throws: RPCError(code: .internalError, message: "cannot decode")) {
      _ = try await self.answer(.bidirectional, ["a", "bad", "c"])
    }
  }

  @Test func theLaterHandlerOfAPathReplacesTheEarlier() async throws {
    var registry = self.registry
    Greeter(name: "z").register(in: &registry)
    #expect(registry.entries.count == 4)
    let entry = try #require(registry.entries.first { $0.descriptor.kind == .unary })
    guard case .unary(let handler) = entry.handler else { return }
    #expect(String(buffer: try await handler(ByteBuffer(string: "b"), self.context(.unary))) == "zb")
  }

  @Test func entriesStandInTheOrderOfTheirPaths() {
    let paths = self.registry.entries.map(\.descriptor.path)
    #expect(paths == paths.sorted())
  }

  @Test func onlyTheNamedMethodsRunOffTheLoop() {
    let method = TextMethod.method(.unary).descriptor
    let missing = MethodDescriptor(service: "x", method: "y", kind: .unary)
    var registry = ServiceRegistry()
    Greeter().offLoop(method, missing).register(in: &registry)
    #expect(registry.entries.count == 4)
    for entry in registry.entries {
      #expect(entry.execution == (entry.descriptor == method ? .offLoop : .onLoop))
    }
  }

  @Test(arguments: [HandlerExecution.onLoop, .offLoop])
  func aMethodOfAnyKindRunsWhereItIsRegisteredTo(execution: HandlerExecution) {
    var registry = ServiceRegistry()
    registry.unary(TextMethod.method(.unary), execution: execution) { text, _ in text }
    registry.clientStreaming(TextMethod.method(.clientStreaming), execution: execution) { _, _ in "" }
    registry.serverStreaming(TextMethod.method(.serverStreaming), execution: execution) { _, _, _ in }
    registry.bidirectional(TextMethod.method(.bidirectional), execution: execution) { _, _, _ in }
    #expect(registry.entries.map(\.execution) == Array(repeating: execution, count: 4))
  }

  @Test func theBuilderPutsServicesTogether() {
    func build(@ServiceBuilder _ services: () -> [any RPCService]) -> [String] {
      services().compactMap { ($0 as? Greeter)?.name }
    }
    let isOn = true
    let names = build {
      Greeter(name: "1")
      if isOn { Greeter(name: "2") }
      if !isOn { Greeter(name: "3") } else { Greeter(name: "4") }
      for index in 5...6 { Greeter(name: "\(index)") }
      [Greeter(name: "7")]
      if !isOn { Greeter(name: "8") }
    }
    #expect(names == ["1", "2", "4", "5", "6", "7"])
  }
}
