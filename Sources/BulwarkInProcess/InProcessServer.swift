public import BulwarkCore
public import BulwarkWire
import struct NIOCore.ByteBuffer

/// Services that are called without a socket, by clients in the same process.
///
///     let server = InProcessServer { Validator() }
///     let consensus = ConsensusServiceClient(InProcessClient(to: server))
///
/// It serves from its creation on. Gates, interceptors, policies, deadlines, cancellation, metadata, size limits and
/// statuses are those of a `Server`; the page <doc:InProcessCalls> says what is not. Safe to use from any task.
public final class InProcessServer: Sendable {
  /// What is said in ``peer`` if nothing else is.
  public static let defaultName = "services"

  /// The server as its clients see it: `inproc:/` and its name.
  public let peer: Peer

  /// What the policies' check has found, for the program to log. While one of them is fatal, each call fails with it.
  public let findings: [ProtectionFinding]

  private let limits: WireLimits
  private let window: Int
  private let registry: ServiceRegistry
  private let methods: [String: MethodEntry]
  private let calls: RunningCalls
  private let refusal: RPCError?

  /// Puts services together.
  ///
  /// - Parameters:
  ///   - name: what tells the server from others of the process: circuits and limits of clients are kept by it.
  ///   - limits: the bounds of messages and metadata; those of time and of connections mean nothing here.
  ///   - window: how many bytes of a stream are kept in one direction before its writer has to wait: 64 KiB. A message
  ///     counts its length and 5 bytes; one is always taken.
  ///   - clock: what deadlines go by.
  ///   - policies: what protects the methods: its gate stands behind the other gates, and what it has around handlers
  ///     inside the other interceptors.
  ///   - gates: what decides, in this order, whether a call may begin. They run on the caller's thread.
  ///   - interceptors: what stands around the handlers, the first outermost.
  ///   - services: what to serve.
  public init(
    named name: String = InProcessServer.defaultName,
    limits: WireLimits = WireLimits(),
    window: Int = 64 * 1024,
    clock: CallClock = .system,
    policies: (any CallProtection)? = nil,
    gates: [any AdmissionGate] = [],
    interceptors: [any Interceptor] = [],
    @ServiceBuilder services: () -> [any RPCService]
  ) {
    self.peer = Peer(address: "inproc:/\(name)")
    self.limits = limits
    self.window = window
    self.calls = RunningCalls(clock: clock)
    var registry = ServiceRegistry()
    for service in services() {
      service.register(in: &registry)
    }
    registry.protect(
      gates: gates + (policies.map { [$0.gate] } ?? []),
      interceptors: interceptors + (policies.map { [$0.serverInterceptor] } ?? [])
    )
    registry.complete()
    self.registry = registry
    let entries = registry.entries
    self.methods = Dictionary(entries.map { ($0.descriptor.path, $0) }) { first, _ in first }
    self.findings = policies?.findings(for: entries.map(\.descriptor), streamLimit: nil) ?? []
    self.refusal = self.findings.first { $0.isFatal }.map {
      RPCError(code: .internalError, message: "\($0)", origin: .policy)
    }
  }

  /// How many handlers have not returned.
  public var runningCalls: Int { self.calls.count }

  /// Takes no new calls, which fail with UNAVAILABLE, lets those that run end, and returns when all handlers have
  /// returned.
  ///
  /// - Parameters:
  ///   - grace: after this time, or when the waiting task is cancelled, the calls that run fail with UNAVAILABLE and
  ///     their handlers are cancelled: 30 s.
  ///   - abortTimeout: how long cancelled handlers are then waited for: 5 s.
  public func shutDown(within grace: Duration = .seconds(30), abortTimeout: Duration = .seconds(5)) async {
    if self.calls.beginStop() { self.registry.beginDrain() }
    let (calls, start) = (self.calls, self.calls.clock.now)
    let timer = Task.detached {
      try await calls.clock.sleep(until: start.advanced(by: grace))
      calls.abort(.shuttingDown)
      try await calls.clock.sleep(until: start.advanced(by: grace).advanced(by: abortTimeout))
      calls.giveUp()
    }
    await withTaskCancellationHandler {
      await calls.waitUntilEmpty()
    } onCancel: {
      calls.abort(.shuttingDown)
    }
    timer.cancel()
  }
}

// MARK: - What clients call

extension InProcessServer {
  var clock: CallClock { self.calls.clock }

  /// The method of a call that begins: it is counted, and `calls.ended` is owed.
  private func begin(_ method: MethodDescriptor) throws(RPCError) -> MethodEntry {
    if let refusal { throw refusal }
    guard let entry = self.methods[method.path] else {
      throw self.status(.unknownMethod(path: ArraySlice(method.path.utf8)))
    }
    guard self.calls.begin() else { throw .shuttingDown }
    return entry
  }

  private func status(_ error: RPCError) -> RPCError {
    WireForm.status(error, [:], self.limits)
  }

  /// Asks the gates about a call that has begun.
  private func admit(_ call: OutgoingCall, _ entry: MethodEntry) throws(RPCError) -> AdmittedCall {
    let arriving = ArrivingCall(
      method: entry.descriptor,
      metadata: call.metadata,
      peer: call.peer,
      arrival: call.start,
      deadline: call.deadline
    )
    do throws(RPCError) {
      return try AdmittedCall(arriving, of: entry, time: self.clock.time)
    } catch {
      self.calls.ended(nil)
      throw self.status(error)
    }
  }

  private func exchange(_ call: OutgoingCall, _ admitted: AdmittedCall, _ client: any ExchangeClient)
    -> Exchange
  {
    Exchange(
      admitted,
      callersDeadline: call.deadline,
      limits: self.limits,
      calls: self.calls,
      client: client
    )
  }

  /// Starts a unary call whose handler is unary; nil if it is of another kind.
  func unary(_ call: OutgoingCall, _ message: ByteBuffer, _ caller: UnaryCaller) throws(RPCError) -> Exchange?
  {
    let entry = try self.begin(call.method)
    guard case .unary(let handler) = entry.handler else {
      self.calls.ended(nil)
      return nil
    }
    let admitted = try self.admit(call, entry)
    guard message.readableBytes <= self.limits.maxReceiveMessageBytes else {
      let error = RPCError.messageTooLarge(message.readableBytes, limit: self.limits.maxReceiveMessageBytes)
      admitted.settle(error.code)
      self.calls.ended(nil)
      throw self.status(error)
    }
    let exchange = self.exchange(call, admitted, caller)
    exchange.startUnary(handler, message, waits: admitted.waits, caller: caller)
    return exchange
  }

  /// The stream of a call that is about to start.
  func makeStream(_ call: OutgoingCall) -> InProcessStream {
    InProcessStream(
      requests: MessagePipe(window: self.window, maxMessageBytes: self.limits.maxReceiveMessageBytes),
      responses: MessagePipe(window: self.window, maxMessageBytes: call.maxResponseBytes),
      limits: call.limits
    )
  }

  /// Starts a call of any kind. A unary handler gets the only message of the stream.
  func start(_ call: OutgoingCall, on stream: InProcessStream) throws(RPCError) {
    let entry = try self.begin(call.method)
    let admitted = try self.admit(call, entry)
    let exchange = self.exchange(call, admitted, stream)
    stream.attach(exchange)
    exchange.startStream(entry.handler.asStream, waits: admitted.waits, on: stream)
  }
}

extension MethodEntry.Handler {
  fileprivate var asStream: StreamHandler {
    switch self {
    case .stream(let handler): handler
    case .unary(let handler):
      { source, sink, context in
        guard let request = try await source.next() else { throw RPCError.missingRequest }
        guard try await source.next() == nil else { throw RPCError.secondRequest }
        try await sink.write(try await handler(request, context))
      }
    }
  }
}

extension RPCError {
  fileprivate static let shuttingDown = RPCError(code: .unavailable, message: "the server is shutting down")
}
