import BulwarkCore
import BulwarkTestKit
import NIOCore
import Synchronization
import Testing

/// Calls the methods of a service in this process, with no server and no bytes on a wire.
struct DirectCaller: Sendable {
  private let entries: [MethodEntry]

  init(_ services: any RPCService...) {
    var registry = ServiceRegistry()
    for service in services { service.register(in: &registry) }
    registry.complete()
    self.entries = registry.entries
  }

  private func handler(of descriptor: MethodDescriptor) throws -> MethodEntry.Handler {
    try #require(self.entries.first { $0.descriptor == descriptor }).handler
  }

  private func context(_ descriptor: MethodDescriptor) -> CallContext {
    CallContext(
      method: descriptor,
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: nil,
      time: VirtualClock().timeSource
    )
  }

  func unary<Request, Reply>(_ method: RPCMethod<Request, Reply>, _ request: Request) async throws -> Reply {
    guard case .unary(let handler) = try self.handler(of: method.descriptor) else {
      throw RPCError(code: .internalError, message: "\(method.descriptor) is not unary")
    }
    var bytes = ByteBuffer()
    try method.request.encode(request, &bytes)
    return try method.response.decode(try await handler(bytes, self.context(method.descriptor)))
  }

  /// Starts a streaming call that has these requests.
  func stream<Request, Reply>(
    _ method: RPCMethod<Request, Reply>,
    _ requests: Request...
  ) throws -> DirectStream<Reply> {
    guard case .stream(let handler) = try self.handler(of: method.descriptor) else {
      throw RPCError(code: .internalError, message: "\(method.descriptor) is unary")
    }
    let messages = try requests.map { request in
      var bytes = ByteBuffer()
      try method.request.encode(request, &bytes)
      return bytes
    }
    let sink = DirectSink()
    let context = self.context(method.descriptor)
    let task = Task {
      defer { sink.finish() }
      try await handler(DirectSource(messages), sink, context)
    }
    return DirectStream(
      task: task,
      decode: method.response.decode,
      messages: sink.messages.makeAsyncIterator()
    )
  }
}

/// A streaming call as its caller sees it.
struct DirectStream<Reply: Sendable> {
  /// The handler.
  let task: Task<Void, any Error>
  let decode: @Sendable (ByteBuffer) throws(RPCError) -> Reply
  var messages: AsyncStream<ByteBuffer>.AsyncIterator

  /// The next response; nil when the handler has ended.
  mutating func next() async throws -> Reply? {
    try await self.messages.next(isolation: #isolation).map { try self.decode($0) }
  }
}

private final class DirectSource: MessageSource {
  private let messages: Mutex<[ByteBuffer]>

  init(_ messages: [ByteBuffer]) {
    self.messages = Mutex(messages)
  }

  func next() async throws(RPCError) -> ByteBuffer? {
    self.messages.withLock { $0.isEmpty ? nil : $0.removeFirst() }
  }
}

private final class DirectSink: MessageSink {
  let messages: AsyncStream<ByteBuffer>
  private let continuation: AsyncStream<ByteBuffer>.Continuation

  init() {
    (self.messages, self.continuation) = AsyncStream.makeStream()
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    self.continuation.yield(message)
  }

  func finish() {
    self.continuation.finish()
  }
}
