import Bulwark
import NIOCore
import Synchronization

/// Calls the methods of a service without a connection: every message is encoded, decoded and nothing else.
///
/// Streaming handlers start before `stream` returns, and run until they wait for the first time.
struct InMemoryInvoker: CallInvoker {
  private let entries: [String: MethodEntry]
  private let responseCapacity: Int

  /// - Parameters:
  ///   - interceptors: what stands around the handlers.
  ///   - responseCapacity: how many responses wait for the reader before the handler is suspended.
  init(_ service: some RPCService, interceptors: [any Interceptor] = [], responseCapacity: Int = 1_024) {
    var registry = ServiceRegistry()
    service.register(in: &registry)
    registry.protect(gates: [], interceptors: interceptors)
    self.entries = Dictionary(uniqueKeysWithValues: registry.entries.map { ($0.descriptor.path, $0) })
    self.responseCapacity = responseCapacity
  }

  func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    guard case .unary(let handler) = self.entries[method.path]?.handler else { throw Self.unimplemented }
    do {
      return Response(message: try await handler(message, Self.context(method, options)))
    } catch {
      throw RPCError(handlerError: error)
    }
  }

  func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    let requests = MessagePipe(capacity: 1_024)
    let responses = MessagePipe(capacity: self.responseCapacity)
    guard case .stream(let handler) = self.entries[method.path]?.handler else {
      responses.finish(Self.unimplemented)
      return InMemoryStream(requests: requests, responses: responses, task: Task {})
    }
    let task = Task.immediate {
      do {
        if let onlyRequest {
          try await requests.write(onlyRequest)
          requests.finish()
        }
        try await handler(requests, responses, Self.context(method, options))
        responses.finish()
      } catch {
        responses.finish(RPCError(handlerError: error))
      }
      requests.finish()
    }
    return InMemoryStream(requests: requests, responses: responses, task: task)
  }

  private static let unimplemented = RPCError(code: .unimplemented, message: "no such method")

  private static func context(_ method: MethodDescriptor, _ options: CallOptions) -> CallContext {
    CallContext(
      method: method,
      metadata: options.metadata,
      peer: Peer(address: "memory"),
      deadline: nil,
      time: TimeSource { MonotonicInstant(nanoseconds: 0) }
    )
  }
}

private final class InMemoryStream: ClientStream {
  private let requests: MessagePipe
  private let responses: MessagePipe
  private let task: Task<Void, Never>

  init(requests: MessagePipe, responses: MessagePipe, task: Task<Void, Never>) {
    self.requests = requests
    self.responses = responses
    self.task = task
  }

  var trailingMetadata: Metadata { [:] }
  var hasEnded: Bool { self.responses.isFinished }
  func initialMetadata() async throws(RPCError) -> Metadata { [:] }
  func next() async throws(RPCError) -> ByteBuffer? { try await self.responses.next() }
  func write(_ message: ByteBuffer) async throws(RPCError) { try await self.requests.write(message) }
  func finishRequests() { self.requests.finish() }

  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) {
    Task.immediate {
      await self.task.value
      body(self.responses.error)
    }
  }

  func cancel() {
    self.task.cancel()
    self.requests.finish()
  }
}
