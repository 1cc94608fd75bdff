public import struct NIOCore.ByteBuffer

/// Which end of a call something happens at.
public enum CallSide: Hashable, Sendable {
  case client
  case server
}

/// What is done with each message of a call, in its order: look at it, replace it, wait, or throw to end the call.
public typealias MessageTap = @Sendable (inout ByteBuffer) async throws(RPCError) -> Void

/// What an interceptor knows of a call, and passes on to the next one, changed or not.
public struct CallRequest: Sendable {
  /// The method.
  public let method: MethodDescriptor

  /// Whether this is the end that calls, or the one that serves.
  public let side: CallSide

  /// Who is at the other end: on a client where its calls go, on a server who calls.
  public let peer: Peer

  /// The metadata that the client sends. What is changed on a server is what the handler sees.
  public var metadata: Metadata {
    didSet { self.isChanged = true }
  }

  /// When the call runs out of time, or nil. What is inside may be given less time than the whole; on a server the
  /// status still goes out at the client's own deadline.
  public var deadline: MonotonicInstant? {
    didSet { self.isChanged = true }
  }

  /// Whether the call waits for a connection (``CallOptions/waitForReady``). Means nothing on a server.
  public var waitForReady: Bool

  /// Which attempt this is, from 1. On a server it is what the client says (`grpc-previous-rpc-attempts`).
  public var attempt: Int

  /// The encoded request, if it is known before the call starts: of a unary call, and on a client of one with one
  /// request and many responses. It can be sent again as it is, however many attempts the call takes.
  public let message: ByteBuffer?

  let target: Target
  private(set) var requestTaps: [MessageTap] = []
  private(set) var responseTaps: [MessageTap] = []
  private(set) var isChanged = false

  /// What the innermost function works on.
  enum Target: Sendable {
    case clientUnary(CallOptions)
    case clientStream(CallOptions, InterceptedStream)
    case serverUnary(CallContext)
    case serverStream(CallContext, any MessageSource, any MessageSink)
  }

  init(
    method: MethodDescriptor,
    side: CallSide,
    peer: Peer,
    metadata: Metadata,
    deadline: MonotonicInstant?,
    waitForReady: Bool = false,
    attempt: Int,
    message: ByteBuffer?,
    target: Target
  ) {
    self.method = method
    self.side = side
    self.peer = peer
    self.metadata = metadata
    self.deadline = deadline
    self.waitForReady = waitForReady
    self.attempt = attempt
    self.message = message
    self.target = target
  }

  /// Does something with each request message, after the taps that were added before.
  ///
  /// A tap runs where the message is written or read, one message at a time. If it throws, that write or read does,
  /// and the call ends. Attempts send their messages again, so they pass the taps again.
  public mutating func onRequestMessage(_ tap: @escaping MessageTap) {
    self.requestTaps.append(tap)
  }

  /// Does something with each response message, before the taps that were added earlier: a response meets the
  /// interceptors in the opposite order.
  public mutating func onResponseMessage(_ tap: @escaping MessageTap) {
    self.responseTaps.insert(tap, at: 0)
  }

  /// Whether making the call again can still do what the caller asked for: its requests can be sent again, and
  /// nothing of a response has been handed up (gRFC A6, "committed"). Ask it before calling `next` again.
  public var canBeReissued: Bool {
    switch self.target {
    case .clientUnary: true
    case .clientStream(_, let stream):
      self.message != nil ? !stream.isCommitted : stream.canBeReissued
    case .serverUnary, .serverStream: false
    }
  }

  /// Keeps the messages that the caller of a client-streaming or bidirectional call writes, so that it can be made again;
  /// for other calls without effect. For an interceptor at the level `reissue`, before its first attempt.
  ///
  /// A write returns once its message is kept or sent, so up to this many bytes may be written ahead of what an attempt
  /// has sent. With the first message that does not fit nothing is kept any more, and the call cannot be made again.
  ///
  /// - Parameter bytes: how much is kept at most.
  public func keepRequests(upTo bytes: Int) {
    guard case .clientStream(_, let stream) = self.target, self.message == nil else { return }
    stream.keepRequests(upTo: bytes)
  }
}

extension [MessageTap] {
  /// The message after all taps.
  func applied(to message: ByteBuffer) async throws(RPCError) -> ByteBuffer {
    var message = message
    for tap in self {
      try await tap(&message)
    }
    return message
  }
}
