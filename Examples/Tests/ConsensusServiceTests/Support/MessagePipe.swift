import Bulwark
import NIOCore
import Synchronization

/// One direction of a call in memory: whole messages, a bound on how many wait, one writer and one reader.
final class MessagePipe: MessageSource, MessageSink {
  private struct State {
    var messages: [ByteBuffer] = []
    var end: RPCError??
    var reader: CheckedContinuation<Void, Never>?
    var writer: CheckedContinuation<Void, Never>?

    /// Both sides look again at what has changed.
    mutating func wake() {
      self.reader?.resume()
      self.writer?.resume()
      self.reader = nil
      self.writer = nil
    }
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Whether nothing more will be written.
  var isFinished: Bool { self.state.withLock { $0.end != nil } }

  /// What ended the direction, unless it ended well or goes on.
  var error: RPCError? { self.state.withLock { $0.end ?? nil } }

  /// Ends the direction, with an error or well; what was written before can still be read. The first end counts.
  func finish(_ error: RPCError? = nil) {
    self.state.withLock { state in
      state.end = state.end ?? .some(error)
      state.wake()
    }
  }

  func next() async throws(RPCError) -> ByteBuffer? {
    while true {
      let step: Result<ByteBuffer?, RPCError>? = self.state.withLock { state in
        if !state.messages.isEmpty {
          defer { state.wake() }
          return .success(state.messages.removeFirst())
        }
        return state.end.map { end in end.map { .failure($0) } ?? .success(nil) }
      }
      if let step { return try step.get() }
      try await self.wait(for: \.reader) { $0.messages.isEmpty && $0.end == nil }
    }
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    while true {
      let isWritten: Result<Bool, RPCError> = self.state.withLock { state in
        if let end = state.end {
          return .failure(end ?? RPCError(code: .cancelled, message: "the call is over", origin: .transport))
        }
        guard state.messages.count < self.capacity else { return .success(false) }
        state.messages.append(message)
        state.wake()
        return .success(true)
      }
      if try isWritten.get() { return }
      try await self.wait(for: \.writer) { $0.messages.count >= self.capacity && $0.end == nil }
    }
  }

  private func wait(
    for waiter: WritableKeyPath<State, CheckedContinuation<Void, Never>?>,
    while isNeeded: (State) -> Bool
  ) async throws(RPCError) {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        self.state.withLock { state in
          guard isNeeded(state), !Task.isCancelled else {
            continuation.resume()
            return
          }
          state[keyPath: waiter] = continuation
        }
      }
    } onCancel: {
      self.state.withLock { $0.wake() }
    }
    guard !Task.isCancelled else { throw RPCError(code: .cancelled, message: "the task was cancelled") }
  }
}
