import BulwarkBalancing
import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore

/// What is told how a call goes, on the client's event loop.
protocol ClientCallReceiver: AnyObject, Sendable {
  func answered(_ response: Response<ByteBuffer>)
  func received(metadata: Metadata, encoding: CompressionAlgorithm)
  func received(bytes: ByteBuffer)
  func finished(trailing: Metadata)
  func failed(_ error: RPCError)
  /// The call has its stream; what was written so far can be sent.
  ///
  /// - Parameter counters: where the connection counts, if it does.
  func opened(_ counters: ConnectionCounters?)
  func writable(isBackedUp: Bool)
  /// The server has not processed the call, which may be opened again: what was sent of it has to be sent again from its
  /// first message. False if that cannot be.
  func rewind() -> Bool
}

/// A call of a client, from the moment it is made to its end.
///
/// `@unchecked Sendable`: it is made on the caller's thread, and from then on its mutable state is read and
/// written on the client's event loop alone; `ClientCore` is the only one to touch it and checks that it is there.
final class ClientCall: @unchecked Sendable {
  enum State {
    /// Made, and not seen by the loop yet.
    case new
    /// Waits for a connection, or at an endpoint for room.
    case waiting(at: Subchannel?)
    /// Has a stream.
    case open(ClientChannelHandler, HTTP2StreamID)
    case ended
  }

  let request: ClientRequest
  let onlyMessage: ByteBuffer?
  /// Whether that message is compressed, as the request says.
  let isCompressed: Bool
  let waitForReady: Bool
  let receiver: any ClientCallReceiver

  // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
  @exclusivity(unchecked) var state = State.new
  @exclusivity(unchecked) var id: UInt64 = 0
  /// Whom load balancing has chosen for it, and when, where load balancing learns from calls.
  @exclusivity(unchecked) var pick: (endpoint: EndpointID, at: MonotonicInstant)?
  /// Whether what the server says of its load with the call's status is wanted, and what it said.
  @exclusivity(unchecked) var wantsLoad = false
  var load: LoadReport?
  /// Whether the call was sent a second time because a server had not processed it.
  var wasResent = false

  init(
    request: ClientRequest,
    onlyMessage: ByteBuffer?,
    isCompressed: Bool = false,
    waitForReady: Bool,
    receiver: any ClientCallReceiver
  ) {
    self.request = request
    self.onlyMessage = onlyMessage
    self.isCompressed = isCompressed
    self.waitForReady = waitForReady
    self.receiver = receiver
  }

  /// Keeps the load that the server's trailing metadata tells of.
  func noteLoad(in trailing: Metadata) {
    guard self.wantsLoad, let bytes = trailing[binary: "endpoint-load-metrics-bin"] else { return }
    self.load = LoadReport(message: bytes)
  }

  /// Whether the deadline has passed. Whatever ends the call then, the server's own clock or the loss of a connection,
  /// may have come before this side's timer: to the caller it is one and the same deadline.
  var hasRunOut: Bool { self.request.deadline.map { $0 <= .now() } ?? false }
}

/// A unary call's receiver: resumes its caller once.
///
/// `@unchecked Sendable`: the continuation is set before the call is handed to the loop, and taken on the loop; the caller
/// takes the result when it has been resumed.
final class UnaryReceiver: ClientCallReceiver, @unchecked Sendable {
  /// Unchecked, because a checked one is an allocation per call. It is resumed once: whoever does takes it.
  ///
  /// The result does not go through it: the continuation's function, which is no particular result's, would copy it.
  @exclusivity(unchecked) var continuation: UnsafeContinuation<Void, Never>?
  @exclusivity(unchecked) private var result: Result<Response<ByteBuffer>, RPCError>?

  func answered(_ response: Response<ByteBuffer>) {
    self.resume(.success(response))
  }

  func failed(_ error: RPCError) {
    self.resume(.failure(error))
  }

  private func resume(_ result: consuming Result<Response<ByteBuffer>, RPCError>) {
    guard let continuation = self.continuation.take() else { return }
    self.result = result
    continuation.resume()
  }

  /// What the call came to, once its caller was resumed.
  func takeResult() throws(RPCError) -> Response<ByteBuffer> {
    guard let result = self.result.take() else { throw .clientClosed }
    return try result.get()
  }

  // A unary call has its answer in one piece.
  func received(metadata: Metadata, encoding: CompressionAlgorithm) {}
  func received(bytes: ByteBuffer) {}
  func finished(trailing: Metadata) {}
  func opened(_ counters: ConnectionCounters?) {}
  func writable(isBackedUp: Bool) {}
  /// Its one message is the call's.
  func rewind() -> Bool { true }
}
