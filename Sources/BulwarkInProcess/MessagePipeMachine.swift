import BulwarkCore
import DequeModule
import struct NIOCore.ByteBuffer

/// One direction of a streaming call in memory: whole messages, one writer and one reader.
///
/// What is written goes straight to a reader that waits, and is kept otherwise. A message is always taken; the writer
/// then has to wait while more than the window is kept, so what is held is bounded by the window and one message.
struct MessagePipeMachine {
  /// What each message counts beside its bytes: the length before it on a wire, so that empty ones are bounded too.
  static let messageOverhead = 5

  enum OnWrite: Equatable {
    case fail(RPCError)
    /// The message is the waiting reader's.
    case deliver
    case keep(mustWait: Bool)
  }

  enum OnNext: Equatable {
    case message(ByteBuffer, resumesWriter: Bool)
    case end
    case fail(RPCError)
    case wait
  }

  enum OnPark: Equatable {
    case go
    case fail(RPCError)
    case wait
  }

  /// What the reader finds behind the last message.
  private enum End {
    case open
    case ended(RPCError?)
    /// Nothing that is kept is given out any more.
    case failed(RPCError)
  }

  private let window: Int
  private var messages = Deque<ByteBuffer>()
  private var bytes = 0
  private var end = End.open
  private var refusal: RPCError?
  private(set) var isReaderWaiting = false
  private(set) var isWriterWaiting = false

  /// - Parameter window: how many bytes are kept before the writer has to wait.
  init(window: Int) {
    self.window = window
  }

  private var isFull: Bool { self.bytes > self.window }

  // MARK: - Writing

  mutating func write(_ message: ByteBuffer) -> OnWrite {
    if let refusal { return .fail(refusal) }
    guard !self.isWriterWaiting else { return .fail(.twoWriters) }
    guard case .open = self.end else { return .fail(.writeAfterFinish) }
    if self.isReaderWaiting {
      self.isReaderWaiting = false
      return .deliver
    }
    self.messages.append(message)
    self.bytes += message.readableBytes + Self.messageOverhead
    return .keep(mustWait: self.isFull)
  }

  /// The writer means to wait for room.
  mutating func parkWriter() -> OnPark {
    if let refusal { return .fail(refusal) }
    guard !self.isWriterWaiting else { return .fail(.twoWriters) }
    guard self.isFull else { return .go }
    self.isWriterWaiting = true
    return .wait
  }

  /// The half ends behind what was written; nil is a good end. True if a reader waits for it.
  mutating func finish(_ error: RPCError?) -> Bool {
    guard case .open = self.end else { return false }
    self.end = .ended(error)
    return self.takeReader()
  }

  /// This and every later write fails. True if a writer waits. The first error stays.
  mutating func refuseWrites(_ error: RPCError) -> Bool {
    self.refusal = self.refusal ?? error
    return self.takeWriter()
  }

  // MARK: - Reading

  mutating func next() -> OnNext {
    guard !self.isReaderWaiting else { return .fail(.twoConsumers) }
    if case .failed(let error) = self.end { return .fail(error) }
    if let message = self.messages.popFirst() {
      self.bytes -= message.readableBytes + Self.messageOverhead
      return .message(message, resumesWriter: !self.isFull && self.takeWriter())
    }
    switch self.end {
    case .open: return .wait
    case .ended(let error), .failed(let error as RPCError?): return error.map { .fail($0) } ?? .end
    }
  }

  /// The reader means to wait for a message; it has just been told to.
  mutating func parkReader() -> OnNext {
    let next = self.next()
    if next == .wait { self.isReaderWaiting = true }
    return next
  }

  /// The reader gets nothing but this error any more. True if it waits. The first failure stays.
  mutating func failReads(_ error: RPCError) -> Bool {
    if case .failed = self.end { return false }
    self.end = .failed(error)
    self.messages = []
    self.bytes = 0
    return self.takeReader()
  }

  // MARK: - Who waits

  /// The reader waits no longer: true if it did.
  mutating func takeReader() -> Bool {
    defer { self.isReaderWaiting = false }
    return self.isReaderWaiting
  }

  /// The writer waits no longer: true if it did.
  mutating func takeWriter() -> Bool {
    defer { self.isWriterWaiting = false }
    return self.isWriterWaiting
  }
}
