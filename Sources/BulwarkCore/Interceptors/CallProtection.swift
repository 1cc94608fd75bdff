/// What protects the calls of a program as a whole: the seam by which policies meet transports, neither knowing the other.
public protocol CallProtection: Sendable {
  /// What a server's calls pass before they begin. It should be the last of the server's gates: it may make calls wait.
  var gate: any AdmissionGate { get }

  /// What stands around a server's handlers.
  var serverInterceptor: any Interceptor { get }

  /// What stands around a client's calls.
  ///
  /// - Parameter target: where the calls go: ``Peer/address`` of the server as its client sees it.
  func clientInterceptor(to target: String) -> any Interceptor

  /// What does not go well together, for a server to say before it runs.
  ///
  /// - Parameter streamLimit: how many calls a peer may have open on one connection; nil for methods that are only called.
  func findings(for methods: [MethodDescriptor], streamLimit: Int?) -> [ProtectionFinding]
}
