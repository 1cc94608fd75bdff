import BulwarkCore
import NIOCore
import Testing

@Suite struct CodecTests {
  @Test func bytesAreTheirOwnMessage() throws {
    let message = ByteBuffer(bytes: [1, 2, 3])
    var encoded = ByteBuffer()
    try MessageCodec<ByteBuffer>.bytes.encode(message, &encoded)
    try MessageCodec<ByteBuffer>.bytes.encode(message, &encoded)
    #expect(encoded == ByteBuffer(bytes: [1, 2, 3, 1, 2, 3]))
    #expect(try MessageCodec<ByteBuffer>.bytes.decode(message) == message)
  }

  @Test func aProxyPassesMessagesOnAsTheyAre() async throws {
    let method = RPCMethod(
      MethodDescriptor(service: "a", method: "b", kind: .unary),
      request: .bytes,
      response: .bytes
    )
    let response = try await FakeInvoker().unary(method, ByteBuffer(bytes: [0xFF]))
    #expect(response.message == ByteBuffer(bytes: [0xFF]))
  }
}
