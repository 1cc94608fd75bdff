import BulwarkCore
import BulwarkProtobuf
import BulwarkSwiftProtobuf
import SwiftProtobufMessages
import TestMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("What a message may become in memory")
struct DecodingBudgetTests {
  @Test("has a budget for messages of ours, and none for those of swift-protobuf")
  func amplification() throws {
    let bytes = ByteBuffer(bytes: (0..<100_000).flatMap { _ in [0x8a, 0x01, 0] as [UInt8] })
    let message = try MessageCodec<Bulwark_Test_Repeateds>.swiftProtobuf.decode(bytes)
    #expect(message.messages.count == 100_000)
    #expect(MemoryLayout<Bulwark_Test_Scalars>.stride > 100)
    let error = #expect(throws: RPCError.self) { try MessageCodec<Repeateds>.protobuf.decode(bytes) }
    #expect(
      error?.message
        == "cannot decode bulwark.test.Repeateds: the message takes more memory than its size allows"
    )
  }
}
