import BulwarkCore
import BulwarkWire
import NIOCore
import Synchronization

/// The receiving half of a streaming call: the loop puts bytes in, one consumer takes messages out.
///
/// Safe from any thread. A message that is here already is taken without a hop to the loop; the peer's window is
/// opened in batches.
final class InboundMessages: MessageSource {
  private struct State: ~Copyable {
    var inbox: StreamInbox
    var credit = 0
    var latestCompression = CompressionAlgorithm.identity
    var counters: ConnectionCounters?
    var waiter: Waiter?
  }

  /// How many consumed bytes are collected before the loop is told, unless the consumer has to wait.
  private static let creditBatch = 32 * 1024

  /// The consumer. An unchecked continuation, because a checked one is a block of memory for each stream that waits. It is
  /// resumed once: whoever does takes it out of the state, under the lock, or has found it not put there.
  private typealias Waiter = UnsafeContinuation<Taken, Never>

  private let maxMessageBytes: Int
  private let state: Mutex<State>
  private let onCredit: @Sendable (Int) -> Void

  /// - Parameter onCredit: told, on the consumer's thread, how many bytes the peer may send again.
  init(
    maxMessageBytes: Int,
    encoding: CompressionAlgorithm = .identity,
    counters: ConnectionCounters? = nil,
    onCredit: @escaping @Sendable (Int) -> Void
  ) {
    self.maxMessageBytes = maxMessageBytes
    let inbox = StreamInbox(limit: maxMessageBytes, encoding: encoding)
    self.state = Mutex(State(inbox: inbox, counters: counters))
    self.onCredit = onCredit
  }

  // MARK: - The loop's side

  /// What the messages may be compressed with, if that was not known from the start. Before any bytes.
  func setEncoding(_ encoding: CompressionAlgorithm) {
    self.state.withLock { $0.inbox.encoding = encoding }
  }

  /// Where the messages are counted, if that was not known from the start. Before any bytes.
  func count(in counters: ConnectionCounters) {
    self.state.withLock { $0.counters = counters }
  }

  func received(_ bytes: ByteBuffer) {
    self.update { $0.received(bytes) }
  }

  func receivedEnd(_ error: RPCError?) {
    self.update { $0.receivedEnd(error) }
  }

  func fail(_ error: RPCError) {
    self.update { $0.fail(error) }
  }

  private func update(_ change: (inout StreamInbox) -> Void) {
    let (waiter, taken) = self.state.withLock { state -> (Waiter?, Taken) in
      change(&state.inbox)
      guard state.waiter != nil else { return (nil, .wait(credit: 0)) }
      let taken = Self.take(&state)
      return (taken.mustWait ? nil : state.waiter.take(), taken)
    }
    if taken.credit > 0 {
      self.onCredit(taken.credit)
    }
    waiter?.resume(returning: taken)
  }

  // MARK: - The consumer's side

  // What a task holds while it waits is its frames, and those of a stream that says nothing are most of its memory. So
  // all but the waiting itself is in functions that are over by then.

  func next() async throws(RPCError) -> ByteBuffer? {
    let now = try self.takeNow()
    guard now.mustWait else { return now.message }
    return try self.settle(await self.waitForMessage())
  }

  @inline(never)
  private func takeNow() throws(RPCError) -> (message: ByteBuffer?, mustWait: Bool) {
    let taken = self.state.withLock { $0.waiter == nil ? Self.take(&$0) : .failed(.twoConsumers) }
    if taken.credit > 0 {
      self.onCredit(taken.credit)
    }
    return taken.mustWait ? (nil, true) : (try self.settle(taken), false)
  }

  @inline(never)
  private func waitForMessage() async -> Taken {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { self.wait($0) }
    } onCancel: {
      self.cancelWaiter()
    }
  }

  /// The message that was taken, if there is one.
  @inline(never)
  private func settle(_ taken: Taken) throws(RPCError) -> ByteBuffer? {
    switch taken {
    case .message(let message, _): try self.decompressed(message)
    case .failed(let error): throw error
    case .end, .wait: nil
    }
  }

  /// What the latest message was compressed with.
  var latestCompression: CompressionAlgorithm { self.state.withLock { $0.latestCompression } }

  /// The message itself: undone on the consumer's thread and outside the lock, which the loop must not wait for.
  private func decompressed(_ message: InboundMessage) throws(RPCError) -> ByteBuffer {
    guard message.encoding != .identity else { return message.bytes }
    do throws(RPCError) {
      return try message.encoding.decompressed(message.bytes, limit: self.maxMessageBytes)
    } catch {
      self.fail(error)
      throw error
    }
  }

  private func wait(_ waiter: Waiter) {
    let taken = self.state.withLock { state -> Taken in
      guard state.waiter == nil else { return .failed(.twoConsumers) }
      guard !Task.isCancelled else { return .failed(.cancelledByCaller) }
      let taken = Self.take(&state)
      if taken.mustWait { state.waiter = waiter }
      return taken
    }
    if taken.credit > 0 {
      self.onCredit(taken.credit)
    }
    if !taken.mustWait {
      waiter.resume(returning: taken)
    }
  }

  private func cancelWaiter() {
    let waiter = self.state.withLock { $0.waiter.take() }
    waiter?.resume(returning: .failed(.cancelledByCaller))
  }

  private enum Taken {
    case message(InboundMessage, credit: Int)
    case end
    indirect case failed(RPCError)
    case wait(credit: Int)

    var mustWait: Bool {
      if case .wait = self { true } else { false }
    }

    var credit: Int {
      switch self {
      case .message(_, let credit), .wait(let credit): credit
      case .end, .failed: 0
      }
    }
  }

  private static func take(_ state: inout State) -> Taken {
    switch state.inbox.next() {
    case .message(let bytes, let encoding, let credit):
      let message = InboundMessage(bytes: bytes, encoding: encoding)
      state.latestCompression = encoding
      state.counters?.messageReceived()
      state.credit += credit
      guard state.credit >= Self.creditBatch else { return .message(message, credit: 0) }
      return .message(message, credit: Self.takeCredit(&state))
    case .wait(let credit):
      state.credit += credit
      return .wait(credit: Self.takeCredit(&state))
    case .end:
      return .end
    case .fail(let error):
      return .failed(error)
    }
  }

  private static func takeCredit(_ state: inout State) -> Int {
    defer { state.credit = 0 }
    return state.credit
  }
}

/// A message as it came.
private struct InboundMessage {
  let bytes: ByteBuffer
  let encoding: CompressionAlgorithm
}
