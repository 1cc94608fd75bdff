/// How many messages travel each way in a call.
public enum CallKind: Hashable, Sendable {
  /// One request, one response.
  case unary
  /// Any number of requests, one response.
  case clientStreaming
  /// One request, any number of responses.
  case serverStreaming
  /// Any number each way, independent of each other.
  case bidirectional
}

/// What becomes of a call that is carried out more than once (`idempotency_level` of google.protobuf.MethodOptions).
public enum IdempotencyLevel: Hashable, Sendable {
  /// Nobody has said: a second execution may do once more what the first one did.
  case unknown
  /// Nothing is changed, however often.
  case noSideEffects
  /// Something may be changed, but no more by the second execution than by the first.
  case idempotent
}

/// The name of an RPC method, its kind, and whether it may be repeated.
///
/// Policies and look-ups are keyed by this value, never by a path that a peer wrote. Two are equal if service, method
/// and kind are.
public struct MethodDescriptor: Hashable, Sendable, CustomStringConvertible {
  /// The fully qualified service, for example `consensus.v1.ConsensusService`.
  public let service: String

  /// The method's name within its service, for example `SubmitVote`.
  public let method: String

  /// How many messages travel each way.
  public let kind: CallKind

  /// What becomes of a call that is carried out more than once.
  public let idempotency: IdempotencyLevel

  /// The path of the HTTP/2 request: `/service/method`.
  public let path: String

  /// Creates a descriptor; neither name may contain a slash or be empty, or no peer can reach the method.
  public init(
    service: String,
    method: String,
    kind: CallKind,
    idempotency: IdempotencyLevel = .unknown
  ) {
    self.service = service
    self.method = method
    self.kind = kind
    self.idempotency = idempotency
    self.path = "/\(service)/\(method)"
  }

  /// `service/method`.
  public var description: String { "\(self.service)/\(self.method)" }
  public static func == (left: Self, right: Self) -> Bool {
    left.method == right.method && left.service == right.service && left.kind == right.kind
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(self.service)
    hasher.combine(self.method)
    hasher.combine(self.kind)
  }
}
