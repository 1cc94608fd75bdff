import BulwarkCore
import NIOCore
import Synchronization

/// A streaming call whose answers a test has written down, and which notes what its caller does.
final class FakeClientStream: ClientStream {
  struct State {
    var responses: [Result<ByteBuffer, RPCError>]
    var written: [ByteBuffer] = []
    var isFinished = false
    var cancellations = 0
    var writesBeforeEnd = Int.max
    var onEnd: (@Sendable (RPCError?) -> Void)?
  }

  let state: Mutex<State>
  private let writeError: RPCError

  /// - Parameters:
  ///   - responses: what reading gives; after the last one the responses have ended.
  ///   - writesBeforeEnd: the writes that succeed; later ones fail with `writeError`, as after the end of the call.
  init(
    _ responses: [Result<ByteBuffer, RPCError>] = [],
    writesBeforeEnd: Int = .max,
    writeError: RPCError = RPCError(code: .cancelled, message: "over", origin: .remote)
  ) {
    self.state = Mutex(State(responses: responses, writesBeforeEnd: writesBeforeEnd))
    self.writeError = writeError
  }

  func next() async throws(RPCError) -> ByteBuffer? {
    let response = self.state.withLock { $0.responses.isEmpty ? nil : $0.responses.removeFirst() }
    return try response?.get()
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    let isTaken = self.state.withLock { state in
      guard state.written.count < state.writesBeforeEnd else { return false }
      state.written.append(message)
      return true
    }
    if !isTaken { throw self.writeError }
  }

  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) { self.state.withLock { $0.onEnd = body } }
  func finishRequests() { self.state.withLock { $0.isFinished = true } }
  func initialMetadata() async throws(RPCError) -> Metadata { ["initial": "1"] }

  func cancel() {
    let onEnd = self.state.withLock { state in
      state.cancellations += 1
      return state.onEnd.take()
    }
    onEnd?(RPCError(code: .cancelled, message: "cancelled", origin: .local))
  }

  var trailingMetadata: Metadata { ["trailing": "2"] }
  var hasEnded: Bool { self.state.withLock { $0.written.count >= $0.writesBeforeEnd } }

  var written: [String] { self.state.withLock { $0.written.map { String(buffer: $0) } } }
  var cancellations: Int { self.state.withLock { $0.cancellations } }
  var isFinished: Bool { self.state.withLock { $0.isFinished } }
}

/// Hands out one fake stream, or answers unary calls with what it got.
struct FakeInvoker: CallInvoker {
  var fake = FakeClientStream()
  var onStart: @Sendable (ByteBuffer?) -> Void = { _ in }

  func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    if message.readableBytes == 0 { throw RPCError(code: .notFound, message: "empty", origin: .remote) }
    return Response(message: message, metadata: options.metadata, trailingMetadata: ["t": "1"])
  }

  func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    self.onStart(onlyRequest)
    return self.fake
  }
}

/// Methods of text, which refuse the text "bad" both ways.
enum TextMethod {
  static let codec = MessageCodec<String>(
    encode: { (text, buffer) throws(RPCError) in
      guard text != "bad" else { throw RPCError(code: .internalError, message: "cannot encode") }
      buffer.writeString(text)
    },
    decode: { (buffer) throws(RPCError) in
      let text = String(buffer: buffer)
      guard text != "bad" else { throw RPCError(code: .internalError, message: "cannot decode") }
      return text
    }
  )

  static func method(_ kind: CallKind) -> RPCMethod<String, String> {
    RPCMethod(
      MethodDescriptor(service: "text", method: "\(kind)", kind: kind),
      request: codec,
      response: codec
    )
  }
}

extension Result<ByteBuffer, RPCError> {
  static func text(_ text: String) -> Self { .success(ByteBuffer(string: text)) }
}
