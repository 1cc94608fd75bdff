import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore

/// The methods, handlers and messages that these tests speak of.
enum Sample {
  static let unary = MethodDescriptor(service: "test.Echo", method: "Unary", kind: .unary)
  static let upload = MethodDescriptor(service: "test.Echo", method: "Upload", kind: .clientStreaming)
  static let download = MethodDescriptor(service: "test.Echo", method: "Download", kind: .serverStreaming)
  static let chat = MethodDescriptor(service: "test.Echo", method: "Chat", kind: .bidirectional)
  static let all = [unary, upload, download, chat]

  /// Handlers that send back what they get: `upload` the last request, `download` the request three times.
  static var echo: [ScriptedHandler] {
    [
      ScriptedHandler(unary) { _, input in
        if case .message(let message) = input { [.answer(message)] } else { [] }
      },
      ScriptedHandler(upload) { _, input in
        switch input {
        case .start, .message: []
        case .end: [.answer(text("stored"))]
        }
      },
      ScriptedHandler(download) { _, input in
        if case .message(let message) = input {
          [.send(message), .send(message), .send(message), .finish]
        } else {
          []
        }
      },
      ScriptedHandler(chat) { _, input in
        switch input {
        case .start: []
        case .message(let message): [.send(message)]
        case .end: [.finish]
        }
      },
    ]
  }

  /// The echo handlers with one replaced.
  static func echo(
    replacing method: MethodDescriptor,
    returnDelay: Duration = .zero,
    _ respond: @escaping (ServerCall, HandlerInput) -> [HandlerStep]
  ) -> [ScriptedHandler] {
    self.echo + [ScriptedHandler(method, returnDelay: returnDelay, respond)]
  }

  /// A handler for every method that does nothing for so long and then answers or fails.
  static func slow(_ duration: Duration, returnDelay: Duration = .zero) -> [ScriptedHandler] {
    self.all.map { method in
      ScriptedHandler(method, returnDelay: returnDelay) { _, input in
        if case .end = input { return [] }
        return [.wait(duration), .answer(self.text("late"))]
      }
    }
  }

  static func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  /// Bytes that show where they belong: no two places within 251 bytes are equal.
  static func bytes(_ count: Int, seed: UInt8 = 0) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(count)
    while buffer.readableBytes < count {
      let start = buffer.readableBytes == 0 ? Int(seed) % 251 : 0
      buffer.writeBytes(self.pattern[start...].prefix(count - buffer.readableBytes))
    }
    return buffer
  }

  private static let pattern = (0..<251 * 64).map { UInt8($0 % 251) }

  /// A message with its prefix, as it stands on the wire.
  static func framed(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
    [flag] + withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) } + message
  }

  /// A plan for a call of any kind that sends so many messages; one, where the kind has one.
  static func plan(_ method: MethodDescriptor, count: Int = 3, size: Int = 20) -> CallPlan {
    switch method.kind {
    case .unary, .serverStreaming: CallPlan(method, message: self.bytes(size))
    case .clientStreaming, .bidirectional:
      CallPlan(method, sending: (0..<count).map { self.bytes(size, seed: UInt8(truncatingIfNeeded: $0)) })
    }
  }

  static func registry() -> ServiceRegistry {
    var registry = ServiceRegistry()
    for method in self.all {
      registry.register(
        method,
        handler: method.kind == .unary ? .unary { message, _ in message } : .stream { _, _, _ in }
      )
    }
    return registry
  }
}
