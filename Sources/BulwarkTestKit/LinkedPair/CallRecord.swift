public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

/// How a call of a ``LinkedPair`` ended for its caller.
public enum CallOutcome: Hashable, Sendable {
  /// With OK. `initial` is empty for a stream: its initial metadata came earlier.
  case succeeded(initial: Metadata, trailing: Metadata)
  /// With an error; `isUnprocessed` as in `ClientFailure`.
  case failed(RPCError, isUnprocessed: Bool)

  /// The status that the caller saw.
  public var code: StatusCode {
    switch self {
    case .succeeded: .ok
    case .failed(let error, _): error.code
    }
  }
}

/// All that happened to one call of a ``LinkedPair``, on both sides.
public struct CallRecord {
  /// What was asked for.
  public let plan: CallPlan
  /// The stream, once the call has one.
  public internal(set) var stream: HTTP2StreamID?
  /// The requests that the caller has handed over.
  public internal(set) var requests: [ByteBuffer] = []
  /// The initial metadata, once the caller of a stream has it.
  public internal(set) var initialMetadata: Metadata?
  /// The responses that the caller has taken.
  public internal(set) var responses: [ByteBuffer] = []
  /// How the call ended for its caller; nil while it runs.
  public internal(set) var outcome: CallOutcome?
  /// When it ended.
  public internal(set) var endedAt: MonotonicInstant?
  /// The server's side; nil if no handler was started.
  public internal(set) var handler: HandlerRecord?

  init(_ plan: CallPlan) {
    self.plan = plan
  }

  /// Whether the call is over on both sides: the caller has its outcome, and the handler, if any, has returned.
  public var isSettled: Bool { self.outcome != nil && self.handler?.hasReturned ?? true }
}

/// What happened to the handler of a call.
public struct HandlerRecord {
  /// What the handler was told.
  public let context: CallContext
  /// The requests that it has taken.
  public internal(set) var requests: [ByteBuffer] = []
  /// Whether it was told that there are no more.
  public internal(set) var sawEnd = false
  /// The responses that it has handed over.
  public internal(set) var responses: [ByteBuffer] = []
  /// What it answered with; nil for OK. Not set while it runs, nor if it was cancelled first.
  public internal(set) var answer: RPCError??
  /// Each cancellation that it was told of; more than one is a fault.
  public internal(set) var cancellations: [RPCError] = []
  /// Whether it has returned.
  public internal(set) var hasReturned = false

  init(_ context: CallContext) {
    self.context = context
  }
}
