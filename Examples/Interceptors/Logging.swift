public import Bulwark
public import Logging

/// Writes a line for each call when it is over: the method, the status, how long it took.
public struct LoggingInterceptor: Interceptor {
  let logger: Logger

  public init(_ logger: Logger) { self.logger = logger }

  public func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    let start = ContinuousClock.now
    do {
      let response = try await next(request)
      self.logger.info("\(request.method): OK", metadata: ["took": "\(start.duration(to: .now))"])
      return response
    } catch {
      self.logger.warning("\(request.method): \(error)", metadata: ["took": "\(start.duration(to: .now))"])
      throw error
    }
  }
}
