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

/// The name of an RPC method and its kind.
///
/// Policies and look-ups are keyed by this value, never by a path that a peer wrote.
public struct MethodDescriptor: Hashable, Sendable, CustomStringConvertible {
  /// The fully qualified service, for example `consensus.v1.ConsensusService`.
  public let service: String

  /// The method's name within its service, for example `SubmitVote`.
  public let method: String

  /// How many messages travel each way.
  public let kind: CallKind

  /// The path of the HTTP/2 request: `/service/method`.
  public let path: String

  /// Creates a descriptor; neither name may contain a slash or be empty, or no peer can reach the method.
  public init(service: String, method: String, kind: CallKind) {
    self.service = service
    self.method = method
    self.kind = kind
    self.path = "/\(service)/\(method)"
  }

  /// `service/method`.
  public var description: String { "\(self.service)/\(self.method)" }
}
