import BulwarkCore
import NIOCore

/// A service whose method answers when it is released.
final class Holder: RPCService {
  static let hold = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "test.Holder", method: "Hold", kind: .unary),
    request: .bytes,
    response: .bytes
  )

  let started = Promise<Void>()
  let release = Promise<Void>()
  let end = Promise<String>()

  func register(in registry: inout ServiceRegistry) {
    registry.unary(Self.hold) { _, _ in
      self.started.complete(.success(()))
      do {
        try await self.release.value()
        self.end.complete(.success("returned"))
      } catch {
        self.end.complete(.success("cancelled"))
        throw error
      }
      return ByteBuffer(string: "held")
    }
  }
}

/// The same method with another handler.
struct Answering: RPCService {
  let answer: @Sendable (ByteBuffer) async throws -> ByteBuffer

  func register(in registry: inout ServiceRegistry) {
    registry.unary(Holder.hold) { [answer] request, _ in try await answer(request) }
  }
}

extension CallInvoker {
  func hold(for timeout: Duration? = nil) async throws(RPCError) -> String {
    let options = CallOptions(timeout: timeout)
    return String(buffer: try await self.unary(Holder.hold, ByteBuffer(), options: options).message)
  }
}
