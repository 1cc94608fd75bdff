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
  /// In one object: a descriptor goes along with each call, and three strings are three counts of references.
  private final class Storage: Sendable {
    let service: String
    let method: String
    let kind: CallKind
    let idempotency: IdempotencyLevel
    let path: String

    init(_ service: String, _ method: String, _ kind: CallKind, _ idempotency: IdempotencyLevel) {
      self.service = service
      self.method = method
      self.kind = kind
      self.idempotency = idempotency
      self.path = "/\(service)/\(method)"
    }
  }

  private let storage: Storage

  /// The fully qualified service, for example `consensus.v1.ConsensusService`.
  public var service: String { self.storage.service }

  /// The method's name within its service, for example `SubmitVote`.
  public var method: String { self.storage.method }

  /// How many messages travel each way.
  public var kind: CallKind { self.storage.kind }

  /// What becomes of a call that is carried out more than once.
  public var idempotency: IdempotencyLevel { self.storage.idempotency }

  /// The path of the HTTP/2 request: `/service/method`.
  public var path: String { self.storage.path }

  /// Creates a descriptor; neither name may contain a slash or be empty, or no peer can reach the method.
  public init(
    service: String,
    method: String,
    kind: CallKind,
    idempotency: IdempotencyLevel = .unknown
  ) {
    self.storage = Storage(service, method, kind, idempotency)
  }

  /// `service/method`.
  public var description: String { "\(self.service)/\(self.method)" }

  public static func == (left: Self, right: Self) -> Bool {
    left.storage === right.storage
      || left.method == right.method && left.service == right.service && left.kind == right.kind
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(self.service)
    hasher.combine(self.method)
    hasher.combine(self.kind)
  }
}
