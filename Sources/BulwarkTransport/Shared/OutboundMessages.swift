import BulwarkCore
import DequeModule
import NIOCore
import Synchronization

/// When the loop should take what was written.
enum DrainTime {
  /// Before the next bytes go out: what is written until then is taken together.
  case beforeFlush
  /// At once: it is the first, or the writer would have to wait.
  case now
}

/// The sending half of a streaming call: one writer puts messages in, the loop takes them out.
///
/// Safe from any thread. A writer is suspended while the transport is backed up, or while more than the high-water
/// mark waits for the loop; so a peer that does not read stops the writer, and what is held stays bounded.
final class OutboundMessages: MessageSink {
  private indirect enum Ending {
    case by(RPCError)
  }

  private struct State: ~Copyable {
    var messages = Deque<OutboundMessage>()
    var bytes = 0
    var hasBegun = false
    var isFinished = false
    var isDrainScheduled = false
    var isBackedUp = false
    /// How the call has ended. It stands elsewhere, since a stream that is open should hold no room for it.
    private var ending: Ending?
    var waiter: CheckedContinuation<RPCError?, Never>?
    /// What was taken, in case it has to be sent again; nil if it never has to be, or is too much.
    var kept: Deque<OutboundMessage>?
    var keptBytes = 0

    var end: RPCError? {
      get {
        if case .by(let error)? = self.ending { error } else { nil }
      }
      set { self.ending = newValue.map { .by($0) } }
    }

    var mustWait: Bool {
      self.ending == nil && (self.isBackedUp || self.bytes > OutboundMessages.highWaterMark)
    }

    /// Keeps what is being taken, whose bytes are still counted.
    mutating func keep(_ taken: Deque<OutboundMessage>) {
      guard self.kept != nil else { return }
      self.keptBytes += self.bytes + taken.count * MemoryLayout<OutboundMessage>.stride
      guard self.keptBytes <= OutboundMessages.keptBytesLimit else { return self.kept = nil }
      if self.kept?.isEmpty == true {
        // Shared with who takes them, so that a stream of one message pays nothing.
        self.kept = taken
      } else {
        // In place: a copy each time would cost the square of the messages.
        self.kept?.append(contentsOf: taken)
      }
    }
  }

  /// How much may wait for the loop before the writer has to.
  private static let highWaterMark = 64 * 1024

  /// How much is kept to be sent again, with what keeping a message costs. As gRPC's buffer for a call's retries (gRFC A6,
  /// "retry buffering"; 256 KiB in gRPC C++ and grpc-go).
  static let keptBytesLimit = 256 * 1024

  private let state = Mutex(State())
  private let compression: OutboundCompression
  private let scheduleDrain: @Sendable (DrainTime) -> Void

  /// - Parameters:
  ///   - compression: how messages are compressed: on the writer's thread.
  ///   - keepsTaken: whether what is taken can be taken once more, until it is forgotten.
  ///   - scheduleDrain: makes the loop call `take`; called on the writer's thread, once until it does and again when the
  ///     writer would have to wait.
  init(
    compression: OutboundCompression = .none,
    keepsTaken: Bool = false,
    scheduleDrain: @escaping @Sendable (DrainTime) -> Void
  ) {
    self.compression = compression
    self.scheduleDrain = scheduleDrain
    if keepsTaken { self.state.withLock { $0.kept = [] } }
  }

  // MARK: - The writer's side

  func write(_ message: ByteBuffer) async throws(RPCError) {
    guard try self.append(self.compression.applied(to: message, wish: nil)) else { return }
    try await self.waitForRoom()
  }

  func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError) {
    guard try self.append(self.compression.applied(to: message, wish: compressed)) else { return }
    try await self.waitForRoom()
  }

  /// Puts a message in; true if the writer has to wait now.
  private func append(_ message: OutboundMessage) throws(RPCError) -> Bool {
    let (error, time) = self.state.withLock { state -> (RPCError?, DrainTime?) in
      if let end = state.end { return (end, nil) }
      guard !state.isFinished else { return (.writeAfterFinish, nil) }
      guard state.waiter == nil else { return (.twoWriters, nil) }
      state.messages.append(message)
      state.bytes += message.bytes.readableBytes
      defer {
        state.hasBegun = true
        state.isDrainScheduled = true
      }
      // The first message settles the headers: what a handler adds to them from here on is too late.
      if state.mustWait || !state.hasBegun { return (nil, .now) }
      return (nil, state.isDrainScheduled ? nil : .beforeFlush)
    }
    if let error { throw error }
    guard let time else { return false }
    self.scheduleDrain(time)
    return time == .now && self.state.withLock { $0.mustWait }
  }

  private func waitForRoom() async throws(RPCError) {
    let failure = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        self.wait(continuation)
      }
    } onCancel: {
      self.cancelWaiter()
    }
    if let failure { throw failure }
  }

  /// Ends the half after what was written. Returns without waiting.
  func finish() {
    let needsDrain = self.state.withLock { state in
      guard state.end == nil, !state.isFinished else { return false }
      state.isFinished = true
      defer { state.isDrainScheduled = true }
      return !state.isDrainScheduled
    }
    if needsDrain {
      self.scheduleDrain(.beforeFlush)
    }
  }

  private func wait(_ continuation: CheckedContinuation<RPCError?, Never>) {
    let outcome = self.state.withLock { state -> RPCError?? in
      if let end = state.end { return .some(end) }
      guard state.waiter == nil else { return .some(.twoWriters) }
      guard state.mustWait else { return .some(nil) }
      guard !Task.isCancelled else { return .some(.cancelledByCaller) }
      state.waiter = continuation
      return nil
    }
    if let outcome {
      continuation.resume(returning: outcome)
    }
  }

  private func cancelWaiter() {
    let waiter = self.state.withLock { $0.waiter.take() }
    waiter?.resume(returning: .cancelledByCaller)
  }

  // MARK: - The loop's side

  /// Takes all that waits; true if the half ends after it.
  func take() -> (messages: Deque<OutboundMessage>, isFinished: Bool) {
    self.state.withLock { state in
      var messages = Deque<OutboundMessage>()
      swap(&messages, &state.messages)
      state.keep(messages)
      state.bytes = 0
      state.isDrainScheduled = false
      return (messages, state.isFinished)
    }
  }

  /// Makes all that was taken be taken once more, before what waits; false if it is not kept, or not any more.
  func rewind() -> Bool {
    self.state.withLock { state in
      guard let kept = state.kept.take() else { return false }
      state.bytes += kept.reduce(0) { $0 + $1.bytes.readableBytes }
      state.messages = kept + state.messages
      return true
    }
  }

  /// What was taken need not be sent again.
  func forgetTaken() {
    // Freed outside the lock.
    _ = self.state.withLock { $0.kept.take() }
  }

  /// Whether the transport has more of this half than the peer takes.
  func setBackedUp(_ isBackedUp: Bool) {
    let waiter = self.state.withLock { state in
      state.isBackedUp = isBackedUp
      return state.mustWait ? nil : state.waiter.take()
    }
    waiter?.resume(returning: nil)
  }

  /// The call is over: this and every later write fails. The first error stays.
  func fail(_ error: RPCError) {
    let waiter = self.state.withLock { state in
      state.end = state.end ?? error
      state.messages = []
      state.kept = nil
      state.bytes = 0
      return state.waiter.take()
    }
    waiter?.resume(returning: error)
  }
}
