public import struct NIOCore.ByteBuffer

/// A group of methods that a server can serve. Generated protocols refine it and implement it.
public protocol RPCService: Sendable {
  /// Adds a handler for each method of the service.
  func register(in registry: inout ServiceRegistry)
}

/// A unary handler below the codec.
///
/// Any error may be thrown: an ``RPCError`` travels to the client, everything else becomes UNKNOWN. The request is the
/// handler's to let go of, so that it need not live as long as the call.
public typealias UnaryHandler = @Sendable (consuming ByteBuffer, CallContext) async throws -> ByteBuffer

/// A streaming handler below the codec. The call ends when it returns or throws.
public typealias StreamHandler =
  @Sendable (any MessageSource, any MessageSink, CallContext) async throws -> Void

/// Where the handler of a method runs.
public enum HandlerExecution: Hashable, Sendable {
  /// On the event loop of the call's connection: no thread switch. For handlers that do not compute or block.
  case onLoop
  /// On the global concurrent executor: for handlers that compute (signature checks, block verification).
  case offLoop
}

/// A method that a server serves: built once, looked up for each call.
///
/// A class, so that passing it along with each call costs one reference and not one per name in it.
public final class MethodEntry: Sendable {
  /// The two shapes of a handler; unary is a path of its own, not a stream of one message.
  public enum Handler: Sendable {
    /// One message in, one message out.
    case unary(UnaryHandler)
    /// Any other kind.
    case stream(StreamHandler)
  }

  /// The method.
  public let descriptor: MethodDescriptor

  /// What runs when it is called.
  public let handler: Handler

  /// Where it runs.
  public let execution: HandlerExecution

  /// Whether the handler, until it first waits, takes all that it needs of its request, and then lets go of that.
  private let readsAtOnce: Bool

  /// What decides whether a call of it may begin, in this order.
  public let gates: [any AdmissionGate]

  init(
    descriptor: MethodDescriptor,
    handler: Handler,
    execution: HandlerExecution,
    readsAtOnce: Bool,
    gates: [any AdmissionGate] = []
  ) {
    self.descriptor = descriptor
    self.handler = handler
    self.execution = execution
    self.readsAtOnce = readsAtOnce
    self.gates = gates
  }

  /// Whether a request need not outlive the start of its handler, and so may be a part of what a connection has just
  /// received.
  package var takesBorrowedRequests: Bool { self.readsAtOnce && self.execution == .onLoop }

  /// The same method with another handler, run elsewhere, or behind other gates.
  func with(handler: Handler?, execution: HandlerExecution, gates: [any AdmissionGate]) -> MethodEntry {
    MethodEntry(
      descriptor: self.descriptor,
      handler: handler ?? self.handler,
      execution: execution,
      readsAtOnce: self.readsAtOnce && handler == nil,
      gates: gates
    )
  }
}

// MARK: - Off the loop

extension RPCService {
  /// The same service with these methods run on the global executor instead of a connection's event loop.
  ///
  /// For methods that compute: on the loop they would hold up every call of the connections that share it.
  public func offLoop(_ methods: MethodDescriptor...) -> some RPCService {
    OffLoopService(base: self, methods: Set(methods))
  }
}

private struct OffLoopService<Base: RPCService>: RPCService {
  let base: Base
  let methods: Set<MethodDescriptor>

  func register(in registry: inout ServiceRegistry) {
    self.base.register(in: &registry)
    registry.setExecution(.offLoop, of: self.methods)
  }
}
