import BulwarkCore
import BulwarkHTTP2
import BulwarkWire
import NIOCore
import Synchronization

/// A streaming call of a client: what its caller holds, and what its connection tells.
///
/// Safe from any thread.
final class ClientStreamCall: ClientStream {
  private struct State {
    var trailing = Metadata()
    var hasEnded = false
    var error: RPCError?
    var onEnd: (@Sendable (RPCError?) -> Void)?
  }

  private let state = Mutex(State())
  private let metadata = Promise<Metadata>()
  private let inbound: InboundMessages
  private let outbound: OutboundMessages
  private let link: Link

  /// The way from the caller to the client's loop.
  final class Link: Sendable {
    private let core: NIOLoopBoundBox<ClientCore>
    private let eventLoop: any EventLoop
    private let attached: Mutex<(call: ClientCall?, client: Client?)>

    /// - Parameter client: kept until the call has ended, because a client that is let go closes.
    init(_ client: Client, _ core: NIOLoopBoundBox<ClientCore>, _ eventLoop: any EventLoop) {
      self.core = core
      self.eventLoop = eventLoop
      self.attached = Mutex((nil, client))
    }

    func attach(_ call: ClientCall) {
      self.attached.withLock { $0.call = call }
    }

    /// The call refers to its receiver and back to this link; at the end of the call the ring is cut.
    func detach() {
      // Let go outside the lock: the client's end may call back.
      let last = self.attached.withLock { attached in
        defer { attached = (nil, nil) }
        return attached
      }
      withExtendedLifetime(last) {}
    }

    func onLoop(_ body: @escaping @Sendable (ClientCore, ClientCall) -> Void) {
      guard let call = self.attached.withLock({ $0.call }) else { return }
      if self.eventLoop.inEventLoop {
        body(self.core.value, call)
      } else {
        self.eventLoop.execute {
          body(self.core.value, call)
        }
      }
    }
  }

  init(link: Link, maxMessageBytes: Int, compression: MessageCompression) {
    self.link = link
    self.inbound = InboundMessages(maxMessageBytes: maxMessageBytes) { bytes in
      link.onLoop { $0.consumed($1, bytes: bytes) }
    }
    let drain = DrainTarget()
    self.outbound = OutboundMessages(compression: .fixed(compression), keepsTaken: true) { time in
      link.onLoop { core, call in
        if let messages = drain.messages { core.send(call, from: messages, time) }
      }
    }
    drain.messages = self.outbound
  }

  // MARK: - The caller's side

  func next() async throws(RPCError) -> ByteBuffer? {
    do throws(RPCError) {
      return try await self.inbound.next()
    } catch {
      // Whatever broke the reading, bytes that are no messages included: the peer need not go on.
      if error != .twoConsumers { self.cancel() }
      throw error
    }
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    do throws(RPCError) {
      try await self.outbound.write(message)
    } catch {
      if error == .cancelledByCaller { self.cancel() }
      throw error
    }
  }

  func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError) {
    do throws(RPCError) {
      try await self.outbound.write(message, compressed: compressed)
    } catch {
      if error == .cancelledByCaller { self.cancel() }
      throw error
    }
  }

  var latestCompression: CompressionAlgorithm { self.inbound.latestCompression }

  func finishRequests() {
    self.outbound.finish()
  }

  func initialMetadata() async throws(RPCError) -> Metadata {
    do {
      return try await self.metadata.value()
    } catch let error as RPCError {
      throw error
    } catch {
      self.cancel()
      throw .cancelledByCaller
    }
  }

  var trailingMetadata: Metadata { self.state.withLock { $0.trailing } }

  var hasEnded: Bool { self.state.withLock { $0.hasEnded } }

  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) {
    let (hasEnded, error) = self.state.withLock { state in
      if !state.hasEnded { state.onEnd = body }
      return (state.hasEnded, state.error)
    }
    if hasEnded { body(error) }
  }

  func cancel() {
    guard !self.hasEnded else { return }
    self.link.onLoop { $0.cancel($1) }
  }
}

// MARK: - The loop's side

extension ClientStreamCall: ClientCallReceiver {
  func opened(_ counters: ConnectionCounters?) {
    if let counters { self.inbound.count(in: counters) }
    self.link.onLoop { [outbound] in $0.send($1, from: outbound, .now) }
  }

  func writable(isBackedUp: Bool) {
    self.outbound.setBackedUp(isBackedUp)
  }

  func rewind() -> Bool { self.outbound.rewind() }

  func received(metadata: Metadata, encoding: CompressionAlgorithm) {
    // Whoever answers has processed the call.
    self.outbound.forgetTaken()
    if encoding != .identity { self.inbound.setEncoding(encoding) }
    self.metadata.complete(.success(metadata))
  }

  func received(bytes: ByteBuffer) {
    self.inbound.received(bytes)
  }

  func finished(trailing: Metadata) {
    let onEnd = self.end(trailing: trailing, nil)
    self.metadata.complete(.success([:]))
    self.outbound.fail(.endedByServer)
    self.inbound.receivedEnd(nil)
    onEnd?(nil)
  }

  func failed(_ error: RPCError) {
    let onEnd = self.end(trailing: error.metadata, error)
    self.metadata.complete(.failure(error))
    self.outbound.fail(error)
    if error.origin == .local {
      self.inbound.fail(error)
    } else {
      // What came before the server's status is the caller's.
      self.inbound.receivedEnd(error)
    }
    onEnd?(error)
  }

  /// A streaming call has its answer in parts.
  func answered(_ response: Response<ByteBuffer>) {}

  /// Notes the end, and gives out who wants to know of it once the halves have been told.
  private func end(trailing: Metadata, _ error: RPCError?) -> (@Sendable (RPCError?) -> Void)? {
    let onEnd = self.state.withLock { state in
      state.trailing = trailing
      state.hasEnded = true
      state.error = error
      return state.onEnd.take()
    }
    self.link.detach()
    return onEnd
  }
}

/// Lets the drain of a sending half find that half, which is made after it.
///
/// `@unchecked Sendable`: `messages` is set once, before the drain can be called.
private final class DrainTarget: @unchecked Sendable {
  weak var messages: OutboundMessages?
}
