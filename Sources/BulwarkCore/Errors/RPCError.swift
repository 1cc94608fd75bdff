/// Why a call did not succeed, and who says so.
///
/// A handler throws one to answer with its code, message and metadata. A client call throws nothing else.
public struct RPCError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Who made an error: what a caller may conclude differs.
  public struct Origin: Hashable, Sendable, CustomStringConvertible {
    private enum Value: String { case remote, transport, local, policy }
    private let value: Value

    /// The peer's application answered with this status.
    public static let remote = Origin(value: .remote)
    /// The connection, or the protocol on it, failed; whether the peer acted on the call is not known.
    public static let transport = Origin(value: .transport)
    /// This process ended the call: its deadline, its cancellation, or a misuse.
    public static let local = Origin(value: .local)
    /// A resilience policy of this process refused the call before it was sent or run.
    public static let policy = Origin(value: .policy)

    public var description: String { self.value.rawValue }
  }

  /// The status code; ``StatusCode/ok`` is never an error and becomes ``StatusCode/unknown``.
  public let code: StatusCode

  /// What went wrong, for a person. It is sent to the peer when a handler throws the error.
  public var message: String

  /// The trailing metadata that came, or will go, with the status.
  public var metadata: Metadata

  /// Who made the error.
  public var origin: Origin

  /// Creates an error that a handler can throw.
  public init(code: StatusCode, message: String, metadata: Metadata = [:], origin: Origin = .local) {
    self.code = code == .ok ? .unknown : code
    self.message = message
    self.metadata = metadata
    self.origin = origin
  }

  /// `CODE: message`.
  public var description: String { "\(self.code): \(self.message)" }
}

extension RPCError {
  /// What a peer is told of any error that a handler threw.
  ///
  /// An ``RPCError`` travels as it is and cancellation is CANCELLED. Anything else is UNKNOWN with a fixed
  /// message, because the description of a foreign error may hold what no peer should read.
  package init(handlerError error: any Error) {
    if let error = error as? RPCError {
      self = error
    } else if error is CancellationError {
      self.init(code: .cancelled, message: "the call was cancelled")
    } else {
      self.init(code: .unknown, message: "the handler failed")
    }
  }
}
