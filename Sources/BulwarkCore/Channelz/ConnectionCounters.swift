import Synchronization

/// What one connection has done, for channelz (gRFC A14).
///
/// The connection counts on its event loop and anybody reads; see ``CallCounters``. Only messages are counted by several
/// threads: those of a stream are cut out of its bytes where they are consumed.
package final class ConnectionCounters: Sendable {
  private let calls = CallCounters()
  private let streamsSucceeded = Atomic<Int64>(0)
  private let streamsFailed = Atomic<Int64>(0)
  private let messagesSent = Atomic<Int64>(0)
  private let messagesReceived = Atomic<Int64>(0)
  private let keepalivesSent = Atomic<Int64>(0)
  private let lastMessageSent = Atomic<Int64>(Int64.min)
  private let lastMessageReceived = Atomic<Int64>(Int64.min)
  private let time: TimeSource

  /// - Parameter time: when a message came or went.
  package init(time: TimeSource = .system) {
    self.time = time
  }

  // MARK: - On the connection's loop

  /// A stream has begun, and the call on it.
  package func streamStarted(at instant: MonotonicInstant) {
    self.calls.callStarted(at: instant)
  }

  /// A stream has ended.
  ///
  /// - Parameters:
  ///   - isWhole: whether the server's half was ended as it should be, by END_STREAM.
  ///   - isOK: whether the status of the call was OK.
  package func streamEnded(isWhole: Bool, isOK: Bool) {
    if isWhole { self.streamsSucceeded.countOne() } else { self.streamsFailed.countOne() }
    self.calls.callEnded(isOK: isOK)
  }

  /// A message was handed to HTTP/2.
  package func messageSent() {
    self.messagesSent.countOne()
    self.lastMessageSent.store(self.time.now.nanoseconds, ordering: .relaxed)
  }

  /// The peer was asked whether it is still there.
  package func keepaliveSent() {
    self.keepalivesSent.countOne()
  }

  // MARK: - On any thread

  /// A message was received whole.
  package func messageReceived() {
    self.messagesReceived.wrappingAdd(1, ordering: .relaxed)
    self.lastMessageReceived.store(self.time.now.nanoseconds, ordering: .relaxed)
  }

  /// The calls that had a stream of this connection.
  package var callTotals: CallTotals { self.calls.totals }

  /// Everything that was counted so far.
  package var totals: ConnectionTotals {
    var totals = ConnectionTotals()
    totals.calls = self.calls.totals
    totals.streamsSucceeded = self.streamsSucceeded.load(ordering: .relaxed)
    totals.streamsFailed = self.streamsFailed.load(ordering: .relaxed)
    totals.messagesSent = self.messagesSent.load(ordering: .relaxed)
    totals.messagesReceived = self.messagesReceived.load(ordering: .relaxed)
    totals.keepalivesSent = self.keepalivesSent.load(ordering: .relaxed)
    totals.lastMessageSent = self.lastMessageSent.instant
    totals.lastMessageReceived = self.lastMessageReceived.instant
    return totals
  }
}

/// What a connection has done until one moment.
package struct ConnectionTotals: Hashable, Sendable {
  /// The calls, of which each has a stream.
  package var calls = CallTotals()
  /// Streams whose server half came to its end.
  package var streamsSucceeded: Int64 = 0
  package var streamsFailed: Int64 = 0
  package var messagesSent: Int64 = 0
  package var messagesReceived: Int64 = 0
  package var keepalivesSent: Int64 = 0
  package var lastMessageSent: MonotonicInstant?
  package var lastMessageReceived: MonotonicInstant?

  package init() {}
}
