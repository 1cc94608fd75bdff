import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer
import Synchronization

/// One direction of a streaming call in memory. Safe from any thread; one task writes and one reads.
final class MessagePipe: MessageSource, MessageSink {
  private typealias Reader = CheckedContinuation<Result<ByteBuffer?, RPCError>, Never>
  private typealias Writer = CheckedContinuation<RPCError?, Never>

  private struct State {
    var machine: MessagePipeMachine
    var reader: Reader?
    var writer: Writer?
  }

  private let state: Mutex<State>
  private let maxMessageBytes: Int

  /// - Parameters:
  ///   - window: how many bytes are kept before the writer has to wait.
  ///   - maxMessageBytes: the largest message that the reader takes.
  init(window: Int, maxMessageBytes: Int) {
    self.state = Mutex(State(machine: MessagePipeMachine(window: window)))
    self.maxMessageBytes = maxMessageBytes
  }

  // MARK: - The writer

  func write(_ message: ByteBuffer) async throws(RPCError) {
    let (action, reader) = self.state.withLock { state in
      let action = state.machine.write(message)
      return (action, action == .deliver ? state.reader.take() : nil)
    }
    switch action {
    case .fail(let error): throw error
    case .deliver: reader?.resume(returning: self.checked(message))
    case .keep(mustWait: false): break
    case .keep(mustWait: true): try await self.waitForRoom()
    }
  }

  private func waitForRoom() async throws(RPCError) {
    let failure = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: Writer) in
        let action = self.state.withLock { state in
          guard !Task.isCancelled else { return MessagePipeMachine.OnPark.fail(.cancelledByCaller) }
          let action = state.machine.parkWriter()
          if action == .wait { state.writer = continuation }
          return action
        }
        switch action {
        case .wait: break
        case .go: continuation.resume(returning: nil)
        case .fail(let error): continuation.resume(returning: error)
        }
      }
    } onCancel: {
      self.wakeWriter(.cancelledByCaller) { $0.takeWriter() }
    }
    if let failure { throw failure }
  }

  /// Puts the only message in, and ends the half, before anybody reads.
  func send(only message: ByteBuffer) {
    self.state.withLock { state in
      _ = state.machine.write(message)
      _ = state.machine.finish(nil)
    }
  }

  /// Ends the half behind what was written.
  func finish(_ error: RPCError? = nil) {
    self.wakeReader(error.map { .failure($0) } ?? .success(nil)) { $0.finish(error) }
  }

  /// This and every later write fails with the error. The first one stays.
  func refuseWrites(_ error: RPCError) {
    self.wakeWriter(error) { $0.refuseWrites(error) }
  }

  // MARK: - The reader

  func next() async throws(RPCError) -> ByteBuffer? {
    if let result = self.settle({ $0.machine.next() }) { return try result.get() }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: Reader) in
        let result = self.settle { state in
          guard !Task.isCancelled else { return .fail(.cancelledByCaller) }
          let action = state.machine.parkReader()
          if action == .wait { state.reader = continuation }
          return action
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      self.wakeReader(.failure(.cancelledByCaller)) { $0.takeReader() }
    }
    return try result.get()
  }

  /// The reader gets nothing but this error any more. The first one stays.
  func failReads(_ error: RPCError) {
    self.wakeReader(.failure(error)) { $0.failReads(error) }
  }

  /// Takes the next message, and lets a writer go on; nil if the reader has to wait.
  private func settle(_ step: (inout State) -> MessagePipeMachine.OnNext) -> Result<ByteBuffer?, RPCError>? {
    let (action, writer) = self.state.withLock { state in
      let action = step(&state)
      guard case .message(_, resumesWriter: true) = action else { return (action, Writer?.none) }
      return (action, state.writer.take())
    }
    writer?.resume(returning: nil)
    switch action {
    case .message(let message, _): return self.checked(message)
    case .end: return .success(nil)
    case .fail(let error): return .failure(error)
    case .wait: return nil
    }
  }

  /// A message that is larger than is taken ends the reading.
  private func checked(_ message: ByteBuffer) -> Result<ByteBuffer?, RPCError> {
    guard message.readableBytes > self.maxMessageBytes else { return .success(message) }
    let error = RPCError.messageTooLarge(message.readableBytes, limit: self.maxMessageBytes)
    self.failReads(error)
    return .failure(error)
  }

  // MARK: - Waking

  private func wakeReader(
    _ result: Result<ByteBuffer?, RPCError>,
    _ step: (inout MessagePipeMachine) -> Bool
  ) {
    let reader = self.state.withLock { step(&$0.machine) ? $0.reader.take() : nil }
    reader?.resume(returning: result)
  }

  private func wakeWriter(_ error: RPCError, _ step: (inout MessagePipeMachine) -> Bool) {
    let writer = self.state.withLock { step(&$0.machine) ? $0.writer.take() : nil }
    writer?.resume(returning: error)
  }
}
