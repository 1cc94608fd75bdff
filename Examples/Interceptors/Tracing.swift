public import Bulwark

/// Passes a trace on from call to call: a server takes it out of the metadata, and the calls that its handlers make
/// carry it further (https://www.w3.org/TR/trace-context/, the trace's part of it).
public struct TracingInterceptor: Interceptor {
  @TaskLocal public static var trace: String?
  let begin: @Sendable () -> String

  public init(begin: @escaping @Sendable () -> String) { self.begin = begin }

  public func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    switch request.side {
    case .client:
      var request = request
      request.metadata.add(Self.trace ?? self.begin(), for: "traceparent")
      return try await next(request)
    case .server:
      let trace = request.metadata["traceparent"] ?? self.begin()
      return try await withTaskLocal(Self.$trace, trace) { () throws(RPCError) in try await next(request) }
    }
  }
}
