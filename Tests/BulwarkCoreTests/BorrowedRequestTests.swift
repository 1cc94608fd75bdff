import NIOCore
import Synchronization
import Testing

@testable import BulwarkCore

/// A request that is part of a read buffer does not outlive the start of its handler.
@Suite struct BorrowedRequestTests {
  private static let method = MethodDescriptor(service: "test.Borrowing", method: "Call", kind: .unary)

  /// Messages that are the number of their bytes.
  private static func codec(keepsBuffer: Bool) -> MessageCodec<Int> {
    MessageCodec(
      keepsBuffer: keepsBuffer,
      encode: { (count, buffer) throws(RPCError) in buffer.writeRepeatingByte(0, count: count) },
      decode: { (buffer) throws(RPCError) in buffer.readableBytes }
    )
  }

  private static func entry(
    keepsBuffer: Bool,
    execution: HandlerExecution = .onLoop,
    _ interceptors: [any Interceptor] = [],
    _ handler: @escaping @Sendable (Int, CallContext) async throws -> Int = { count, _ in count }
  ) throws -> MethodEntry {
    var registry = ServiceRegistry()
    let codec = self.codec(keepsBuffer: keepsBuffer)
    let method = RPCMethod(self.method, request: codec, response: codec)
    registry.unary(method, execution: execution, handler)
    registry.protect(gates: [], interceptors: interceptors)
    return try #require(registry.entries.first)
  }

  @Test func onlyAHandlerThatDecodesAtOnceAndKeepsNothingBorrows() throws {
    #expect(try Self.entry(keepsBuffer: false).takesBorrowedRequests)
    #expect(try !Self.entry(keepsBuffer: true).takesBorrowedRequests)
    #expect(try !Self.entry(keepsBuffer: false, execution: .offLoop).takesBorrowedRequests)
    #expect(try !Self.entry(keepsBuffer: false, [Passing()]).takesBorrowedRequests)
  }

  private struct Passing: Interceptor {
    func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
      try await next(request)
    }
  }

  @Test func theRequestIsLetGoOfWhileItsHandlerWaits() async throws {
    let (started, released) = (Promise<Void>(), Promise<Void>())
    let entry = try Self.entry(keepsBuffer: false) { count, _ in
      started.complete(.success(()))
      try await released.value()
      return count
    }
    guard case .unary(let handler) = entry.handler else { return #expect(Bool(false)) }
    var mine = ByteBuffer(repeating: 1, count: 1_000)
    let address = mine.withUnsafeReadableBytes { $0.baseAddress }
    let request = Mutex<ByteBuffer?>(mine)
    let context = CallContext(
      method: Self.method,
      metadata: [:],
      peer: Peer(address: "test"),
      deadline: nil,
      time: .system
    )
    async let answer = handler(request.withLock { $0.take() ?? ByteBuffer() }, context)
    try await started.value()
    // Nobody else holds the bytes, or writing would move them.
    mine.setInteger(UInt8(2), at: 0)
    #expect(mine.withUnsafeReadableBytes { $0.baseAddress } == address)
    released.complete(.success(()))
    let count = try await answer.readableBytes
    #expect(count == 1_000)
  }
}
