import BulwarkCore
import NIOCore
import Synchronization

/// What happened, in order, from any thread.
final class Notes: Sendable {
  private let entries = Mutex([String]())
  func add(_ entry: String) { self.entries.withLock { $0.append(entry) } }
  var all: [String] { self.entries.withLock { $0 } }
}

/// Notes the start and the end of each call.
struct Noting: Interceptor {
  let name: String
  let notes: Notes
  var level = InterceptorLevel.call

  func applies(to method: MethodDescriptor) -> Bool {
    self.notes.add("\(self.name)? \(method.method)")
    return true
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.notes.add("\(self.name) \(request.attempt)")
    do {
      let response = try await next(request)
      self.notes.add("\(self.name) OK")
      return response
    } catch {
      self.notes.add("\(self.name) \(error.code)")
      throw error
    }
  }
}

/// An interceptor from a closure.
struct Around: Interceptor {
  var level = InterceptorLevel.call
  let body: @Sendable (CallRequest, NextCall) async throws(RPCError) -> CallResponse

  init(
    level: InterceptorLevel = .call,
    _ body: @escaping @Sendable (CallRequest, NextCall) async throws(RPCError) -> CallResponse
  ) {
    self.level = level
    self.body = body
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    try await self.body(request, next)
  }
}

/// Counts the messages and bytes of each call with taps, and notes the sums at its end.
struct Measuring: Interceptor {
  let notes: Notes

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    let sums = Sums()
    var request = request
    request.onRequestMessage { (message) throws(RPCError) in sums.add(message, isRequest: true) }
    request.onResponseMessage { (message) throws(RPCError) in sums.add(message, isRequest: false) }
    defer { self.notes.add(sums.description) }
    return try await next(request)
  }
}

private final class Sums: Sendable, CustomStringConvertible {
  private let state = Mutex((requests: 0, requestBytes: 0, responses: 0, responseBytes: 0))

  func add(_ message: ByteBuffer, isRequest: Bool) {
    self.state.withLock { state in
      if isRequest {
        state.requests += 1
        state.requestBytes += message.readableBytes
      } else {
        state.responses += 1
        state.responseBytes += message.readableBytes
      }
    }
  }

  var description: String {
    self.state.withLock { "\($0.requests)/\($0.requestBytes) \($0.responses)/\($0.responseBytes)" }
  }
}

/// The requests of a stream, as a test has written them down.
final class FixedSource: MessageSource {
  private let messages: Mutex<[ByteBuffer]>

  init(_ texts: [String]) { self.messages = Mutex(texts.map { ByteBuffer(string: $0) }) }

  func next() async throws(RPCError) -> ByteBuffer? {
    self.messages.withLock { $0.isEmpty ? nil : $0.removeFirst() }
  }
}

/// Where the responses of a stream are kept.
final class KeepingSink: MessageSink {
  private let messages = Mutex<[String]>([])

  func write(_ message: ByteBuffer) async throws(RPCError) {
    self.messages.withLock { $0.append(String(buffer: message)) }
  }

  var texts: [String] { self.messages.withLock { $0 } }
}
