public import struct NIOCore.ByteBuffer

/// Something that stands around calls, on a client or a server: a function around the next one.
///
///     struct Logging: Interceptor {
///       func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
///         do {
///           let response = try await next(request)
///           log("\(request.method): OK")
///           return response
///         } catch {
///           log("\(request.method): \(error)")
///           throw error
///         }
///       }
///     }
///
/// The function lasts as long as the call, whatever its kind: `next` returns or throws once for each time it is
/// called, when the call inside has ended, however it ended. That is how an interceptor is told of every end exactly
/// once: a status, the deadline, a cancellation, a lost connection, a stream that its caller let go.
///
/// It may answer by itself without calling `next`, change what it passes on and what it gives back, throw another
/// error, or call `next` again (on a server once at most). It runs as part of the call's task, so task-locals that
/// it sets hold for everything inside, the handler included. An instance serves any number of calls at once.
public protocol Interceptor: Sendable {
  /// Where it stands among the others of a client. Default: ``InterceptorLevel/call``.
  var level: InterceptorLevel { get }

  /// Whether it stands around the calls of this method. Asked once per method, not once per call. Default: true.
  func applies(to method: MethodDescriptor) -> Bool

  /// What stands around the calls of this method: itself, or something that has looked up beforehand what it needs for
  /// them. Asked once per method. Default: itself.
  func bound(to method: MethodDescriptor) -> any Interceptor

  /// Makes the call.
  ///
  /// Cancelling the task that runs it ends the call. What waits in here does so for the call's own time: it should
  /// stop at the request's deadline, and when its task is cancelled.
  ///
  /// - Throws: what the caller, or the peer, is to be told instead of an answer.
  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse
}

extension Interceptor {
  public var level: InterceptorLevel { .call }

  public func applies(to method: MethodDescriptor) -> Bool { true }

  public func bound(to method: MethodDescriptor) -> any Interceptor { self }
}

/// The rest of a call: the interceptors further in, and after them the transport or the handler.
public typealias NextCall = @Sendable (CallRequest) async throws(RPCError) -> CallResponse

/// How a call ended well.
///
/// `message` is the answer of a unary call, and nil for every other kind, whose messages go their own way. The
/// initial metadata of a stream is here for reading: it went ahead of the first message.
public typealias CallResponse = Response<ByteBuffer?>

/// Where an interceptor stands on a client, from the outside in; within a level the order is that of the list.
///
/// On a server nothing makes several attempts out of a call: both levels run once, those of `call` first.
public enum InterceptorLevel: Hashable, CaseIterable, Sendable {
  /// Once per call, around all of its attempts.
  case call
  /// What makes attempts out of a call: retries and hedges. At most one interceptor of a method's can: where two of them
  /// apply on a client, every call fails with INTERNAL, which names them.
  case reissue
  /// Once per attempt.
  case attempt
}

/// The chain of one method, folded once; nil if no interceptor applies to it, so that nothing is paid for none.
func foldedChain(
  _ interceptors: [any Interceptor],
  for method: MethodDescriptor,
  around last: @escaping NextCall
) -> NextCall? {
  let chosen = interceptors.filter { $0.applies(to: method) }
  guard !chosen.isEmpty else { return nil }
  let ordered = InterceptorLevel.allCases.flatMap { level in chosen.filter { $0.level == level } }
  return ordered.reversed().reduce(last) { next, interceptor in chained(interceptor.bound(to: method), next) }
}

private func chained(_ interceptor: any Interceptor, _ next: @escaping NextCall) -> NextCall {
  { (request) throws(RPCError) in try await interceptor.intercept(request, next: next) }
}
