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
    var waiter: CheckedContinuation<Result<InboundMessage?, RPCError>, Never>?
  }

  /// How many consumed bytes are collected before the loop is told, unless the consumer has to wait.
  private static let creditBatch = 32 * 1024

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
    let (resumption, credit) = self.state.withLock { state in
      change(&state.inbox)
      guard let waiter = state.waiter else { return (Resumption?.none, 0) }
      switch Self.take(&state) {
      case .wait(let credit):
        return (nil, credit)
      case .settled(let result, let credit):
        state.waiter = nil
        return (Resumption(waiter: waiter, result: result), credit)
      }
    }
    if credit > 0 {
      self.onCredit(credit)
    }
    resumption?.resume()
  }

  // MARK: - The consumer's side

  func next() async throws(RPCError) -> ByteBuffer? {
    let taken = self.state.withLock {
      $0.waiter == nil ? Self.take(&$0) : .settled(.failure(.twoConsumers), 0)
    }
    switch taken {
    case .settled(let result, let credit):
      if credit > 0 {
        self.onCredit(credit)
      }
      return try self.decompressed(result)
    case .wait(let credit):
      if credit > 0 {
        self.onCredit(credit)
      }
    }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        self.wait(continuation)
      }
    } onCancel: {
      self.cancelWaiter()
    }
    return try self.decompressed(result)
  }

  /// What the latest message was compressed with.
  var latestCompression: CompressionAlgorithm { self.state.withLock { $0.latestCompression } }

  /// The message itself: undone on the consumer's thread and outside the lock, which the loop must not wait for.
  private func decompressed(_ result: Result<InboundMessage?, RPCError>) throws(RPCError) -> ByteBuffer? {
    guard let message = try result.get() else { return nil }
    guard message.encoding != .identity else { return message.bytes }
    do throws(RPCError) {
      return try message.encoding.decompressed(message.bytes, limit: self.maxMessageBytes)
    } catch {
      self.fail(error)
      throw error
    }
  }

  private func wait(_ continuation: CheckedContinuation<Result<InboundMessage?, RPCError>, Never>) {
    let (result, credit) = self.state.withLock { state -> (Result<InboundMessage?, RPCError>?, Int) in
      guard state.waiter == nil else { return (.failure(.twoConsumers), 0) }
      guard !Task.isCancelled else { return (.failure(.cancelledByCaller), 0) }
      switch Self.take(&state) {
      case .settled(let result, let credit):
        return (result, credit)
      case .wait(let credit):
        state.waiter = continuation
        return (nil, credit)
      }
    }
    if credit > 0 {
      self.onCredit(credit)
    }
    if let result {
      continuation.resume(returning: result)
    }
  }

  private func cancelWaiter() {
    let waiter = self.state.withLock { $0.waiter.take() }
    waiter?.resume(returning: .failure(.cancelledByCaller))
  }

  private enum Taken {
    case settled(Result<InboundMessage?, RPCError>, _ credit: Int)
    case wait(credit: Int)
  }

  private struct Resumption {
    let waiter: CheckedContinuation<Result<InboundMessage?, RPCError>, Never>
    let result: Result<InboundMessage?, RPCError>

    func resume() {
      self.waiter.resume(returning: self.result)
    }
  }

  private static func take(_ state: inout State) -> Taken {
    switch state.inbox.next() {
    case .message(let bytes, let encoding, let credit):
      let message = InboundMessage(bytes: bytes, encoding: encoding)
      state.latestCompression = encoding
      state.counters?.messageReceived()
      state.credit += credit
      guard state.credit >= Self.creditBatch else { return .settled(.success(message), 0) }
      return .settled(.success(message), Self.takeCredit(&state))
    case .wait(let credit):
      state.credit += credit
      return .wait(credit: Self.takeCredit(&state))
    case .end:
      return .settled(.success(nil), 0)
    case .fail(let error):
      return .settled(.failure(error), 0)
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
