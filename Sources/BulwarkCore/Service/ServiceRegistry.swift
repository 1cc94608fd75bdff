public import struct NIOCore.ByteBuffer

/// The methods of a server while it is being put together.
///
/// The generic functions are inlinable so that the compiler makes them for the message types where those are known;
/// a handler would otherwise look up generic metadata in each call.
///
/// Registering a path twice replaces the earlier handler; ``ServiceRegistry/entries`` keeps one entry per path.
public struct ServiceRegistry: Sendable {
  private var byPath: [String: MethodEntry] = [:]
  private var drainActions: [@Sendable () -> Void] = []
  private var completionActions: [@Sendable (ServiceRegistry) -> Void] = []

  /// The .proto files of the services that said theirs, by the full names of the services.
  public private(set) var files: [String: ProtoFile] = [:]

  /// Creates an empty registry.
  public init() {}

  /// The registered methods, in the order of their paths.
  public var entries: [MethodEntry] {
    self.byPath.values.sorted { $0.descriptor.path < $1.descriptor.path }
  }

  /// Registers a handler below the codec.
  public mutating func register(
    _ descriptor: MethodDescriptor,
    execution: HandlerExecution = .onLoop,
    handler: MethodEntry.Handler
  ) {
    self.register(descriptor, execution: execution, handler: handler, readsAtOnce: false)
  }

  @usableFromInline
  mutating func register(
    _ descriptor: MethodDescriptor,
    execution: HandlerExecution,
    handler: MethodEntry.Handler,
    readsAtOnce: Bool
  ) {
    self.byPath[descriptor.path] = MethodEntry(
      descriptor: descriptor,
      handler: handler,
      execution: execution,
      readsAtOnce: readsAtOnce
    )
  }

  /// Registers a handler of one request and one response.
  @inlinable
  public mutating func unary<Request, Response>(
    _ method: RPCMethod<Request, Response>,
    execution: HandlerExecution = .onLoop,
    _ body: @escaping @Sendable (Request, CallContext) async throws -> Response
  ) {
    self.register(
      method.descriptor,
      execution: execution,
      handler: .unary { message, context in
        // Consumed: what is left of it would live on while the handler waits.
        let request = try method.request.decode(consume message)
        return try method.response.encoded(await body(request, context))
      },
      readsAtOnce: !method.request.keepsBuffer
    )
  }

  /// Registers a handler of many requests and one response.
  @inlinable
  public mutating func clientStreaming<Request, Response>(
    _ method: RPCMethod<Request, Response>,
    execution: HandlerExecution = .onLoop,
    _ body: @escaping @Sendable (RequestStream<Request>, CallContext) async throws -> Response
  ) {
    self.register(
      method.descriptor,
      execution: execution,
      handler: .stream { source, sink, context in
        let response = try await body(RequestStream(source, method.request), context)
        try await sink.write(method.response.encoded(response))
      }
    )
  }

  /// Registers a handler of one request and many responses.
  @inlinable
  public mutating func serverStreaming<Request, Response>(
    _ method: RPCMethod<Request, Response>,
    execution: HandlerExecution = .onLoop,
    _ body: @escaping @Sendable (Request, ResponseWriter<Response>, CallContext) async throws -> Void
  ) {
    self.register(
      method.descriptor,
      execution: execution,
      handler: .stream { source, sink, context in
        let request = try await source.onlyMessage(method.request)
        try await body(request, ResponseWriter(sink, method.response), context)
      }
    )
  }

  /// Registers a handler of many requests and many responses.
  @inlinable
  public mutating func bidirectional<Request, Response>(
    _ method: RPCMethod<Request, Response>,
    execution: HandlerExecution = .onLoop,
    _ body:
      @escaping @Sendable (RequestStream<Request>, ResponseWriter<Response>, CallContext) async throws -> Void
  ) {
    self.register(
      method.descriptor,
      execution: execution,
      handler: .stream { source, sink, context in
        try await body(RequestStream(source, method.request), ResponseWriter(sink, method.response), context)
      }
    )
  }

  /// Says which .proto file a service stands in. Generated code does.
  public mutating func describe(_ service: String, in file: ProtoFile) {
    self.files[service] = file
  }

  /// Has the function called with all that is registered, when a server is made of it: for services that tell of the
  /// others, whether those come before or after them.
  public mutating func whenComplete(_ body: @escaping @Sendable (ServiceRegistry) -> Void) {
    self.completionActions.append(body)
  }

  /// A server is made of what is registered.
  package func complete() {
    for action in self.completionActions { action(self) }
  }

  /// Has the function called when the server of this registry begins to stop, before its clients hear of it.
  ///
  /// It is called once, on any thread, and must not wait: the server goes on stopping when it returns.
  public mutating func onDrain(_ body: @escaping @Sendable () -> Void) {
    self.drainActions.append(body)
  }

  /// The server begins to stop.
  package func beginDrain() {
    for action in self.drainActions { action() }
  }

  /// Puts gates before the registered methods and interceptors around their handlers, each where it applies.
  ///
  /// What applies is asked here and never again. The first of a list is the outermost; what an earlier call of this
  /// function has put there stands further in. A method that nothing applies to stays as it is.
  public mutating func protect(gates: [any AdmissionGate], interceptors: [any Interceptor]) {
    self.byPath = self.byPath.mapValues { entry in
      entry.with(
        handler: entry.handler.intercepted(by: interceptors, for: entry.descriptor),
        execution: entry.execution,
        gates: gates.filter { $0.applies(to: entry.descriptor) }.map { $0.bound(to: entry.descriptor) }
          + entry.gates
      )
    }
  }

  mutating func setExecution(_ execution: HandlerExecution, of descriptors: Set<MethodDescriptor>) {
    for descriptor in descriptors {
      if let entry = self.byPath[descriptor.path] {
        self.byPath[descriptor.path] = entry.with(handler: nil, execution: execution, gates: entry.gates)
      }
    }
  }
}

extension MessageSource {
  /// The one request of a server-streaming call; none and two are UNIMPLEMENTED, as the gRPC status table says.
  @usableFromInline
  func onlyMessage<Message>(_ codec: MessageCodec<Message>) async throws(RPCError) -> Message {
    guard let message = try await self.next() else {
      throw RPCError(code: .unimplemented, message: "the call needs one request message, none was sent")
    }
    guard try await self.next() == nil else {
      throw RPCError(code: .unimplemented, message: "the call takes one request message, more were sent")
    }
    return try codec.decode(message)
  }
}
