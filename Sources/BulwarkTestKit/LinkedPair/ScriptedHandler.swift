public import BulwarkCore
public import BulwarkWire
public import struct NIOCore.ByteBuffer

/// What a scripted handler is told.
public enum HandlerInput: Hashable, Sendable {
  /// The call has begun. Streaming calls only: a unary call begins with its message.
  case start
  /// A request.
  case message(ByteBuffer)
  /// The client has sent its last request. Streaming calls only.
  case end
}

/// What a scripted handler does, one after the other.
public enum HandlerStep: Sendable {
  /// Works, or waits for something.
  case wait(Duration)
  /// Sends a response of a streaming call; waits first while the client does not read.
  case send(ByteBuffer)
  /// Returns with OK, for a unary call with its response, for a streaming call after one more.
  case answer(ByteBuffer)
  /// Returns with OK from a streaming call.
  case finish
  /// Throws.
  case fail(RPCError)
}

/// A handler of a ``LinkedPair``: a plain function, run in virtual time.
///
/// When the steps that it returned are done and none of them ended the call, a streaming handler asks for the next
/// request and is called again with it; a unary one never answers.
public struct ScriptedHandler {
  let method: MethodDescriptor
  let respond: (ServerCall, HandlerInput) -> [HandlerStep]
  let returnDelay: Duration

  /// A handler of the method.
  ///
  /// - Parameters:
  ///   - returnDelay: how long it takes to return once its call was cancelled.
  ///   - respond: says what to do next; metadata goes through the call's context.
  public init(
    _ method: MethodDescriptor,
    returnDelay: Duration = .zero,
    _ respond: @escaping (_ call: ServerCall, _ input: HandlerInput) -> [HandlerStep]
  ) {
    self.method = method
    self.respond = respond
    self.returnDelay = returnDelay
  }
}
