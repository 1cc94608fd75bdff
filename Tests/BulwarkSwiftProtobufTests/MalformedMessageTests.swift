import BulwarkCore
import BulwarkSwiftProtobuf
import BulwarkTestKit
import SwiftProtobuf
import SwiftProtobufMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("No bytes stop the process, whoever wrote the message's code")
struct MalformedMessageTests {
  @Test("99 messages below the outermost are taken; more are not, and neither are thousands")
  func depth() throws {
    let codec = MessageCodec<Bulwark_Test_Tree>.swiftProtobuf
    #expect(throws: Never.self) { try codec.decode(Self.nested(99)) }
    for depth in [100, 5000] {
      let error = #expect(throws: RPCError.self) { try codec.decode(Self.nested(depth)) }
      #expect(error?.code == .internalError)
      #expect(error?.message == "cannot decode bulwark.test.Tree: messages are nested too deep")
    }
  }

  @Test("unknown groups, nested a hundred thousand deep, are refused")
  func groups() {
    let opened = ByteBuffer(bytes: Array(repeating: 0x7b, count: 100_000))
    let error = #expect(throws: RPCError.self) {
      try MessageCodec<Bulwark_Test_Leaf>.swiftProtobuf.decode(opened)
    }
    #expect(error?.code == .internalError)
    #expect(error?.message == "cannot decode bulwark.test.Leaf: messages are nested too deep")
  }

  @Test("a length that lies is refused before memory is taken for it")
  func lengths() {
    for length: [UInt8] in [[0xff, 0xff, 0xff, 0xff, 0x07], Array(repeating: 0xff, count: 9) + [0x01]] {
      for tag: UInt8 in [0x0a, 0x72, 0x7a, 0x8a] {
        let error = #expect(throws: RPCError.self) {
          try MessageCodec<Bulwark_Test_Repeateds>.swiftProtobuf.decode(ByteBuffer(bytes: [tag] + length))
        }
        #expect(error?.code == .internalError)
      }
    }
  }

  @Test("a message that is cut at any byte is decoded or refused")
  func truncation() throws {
    let codec = MessageCodec<Bulwark_Test_Repeateds>.swiftProtobuf
    let bytes = try Self.sample()
    for length in 0...bytes.readableBytes {
      Self.expectStable(try #require(bytes.getSlice(at: 0, length: length)), codec)
    }
  }

  @Test(
    "random changes of a message, and random bytes: what is decoded is encoded, and decoded again to the same",
    arguments: 0..<8 as Range<UInt64>
  )
  func mutation(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let sample = [UInt8](try Self.sample().readableBytesView)
    for _ in 0..<400 {
      var bytes = sample
      for _ in 0...Int.random(in: 0..<6, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] = .random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        default: bytes.insert(.random(in: 0...255, using: &random), at: index)
        }
      }
      Self.expectStable(ByteBuffer(bytes: bytes))
      let noise = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        UInt8.random(in: 0...(random.oneIn(2) ? 31 : 255), using: &random)
      }
      Self.expectStable(ByteBuffer(bytes: noise))
    }
  }

  /// Bytes of a message with fields of many kinds, which are also those of a tree.
  private static func sample() throws -> ByteBuffer {
    var buffer = ByteBuffer()
    let tree = Bulwark_Test_Tree.with {
      $0.value = 5
      $0.child = .with { $0.children = [Bulwark_Test_Tree(), .with { $0.value = 300 }] }
      $0.named = ["key": .with { $0.value = -1 }]
    }
    try MessageCodec.swiftProtobuf.encode(tree, &buffer)
    let repeateds = Bulwark_Test_Repeateds.with {
      $0.strings = ["one", "two"]
      $0.bools = [true]
      $0.int64S = [-1, 300]
      $0.messages = [.with { $0.stringValue = "text" }]
    }
    try MessageCodec.swiftProtobuf.encode(repeateds, &buffer)
    return buffer
  }

  /// So many messages, one in the other, below the outermost.
  private static func nested(_ depth: Int) -> ByteBuffer {
    var reversed: [UInt8] = []
    for _ in 0..<depth {
      var length = reversed.count
      var varint: [UInt8] = []
      while length >= 0x80 {
        varint.append(UInt8(length & 0x7f) | 0x80)
        length >>= 7
      }
      varint.append(UInt8(length))
      reversed += varint.reversed() + [0x0a]
    }
    return ByteBuffer(bytes: reversed.reversed())
  }

  private static func expectStable(_ bytes: ByteBuffer) {
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Scalars>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Repeateds>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Maps>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Choice>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Tree>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_WellKnown>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Proto2_Required>.swiftProtobuf)
    Self.expectStable(bytes, MessageCodec<Bulwark_Test_Proto2_Grouped>.swiftProtobuf)
  }

  private static func expectStable<Message: SwiftProtobuf.Message>(
    _ bytes: ByteBuffer,
    _: MessageCodec<Message>
  ) {
    var encoding = BinaryEncodingOptions()
    encoding.useDeterministicOrdering = true
    let codec = MessageCodec<Message>.swiftProtobuf(encoding: encoding)
    do throws(RPCError) {
      let message = try codec.decode(bytes)
      var encoded = ByteBuffer()
      try codec.encode(message, &encoded)
      var again = ByteBuffer()
      try codec.encode(try codec.decode(encoded), &again)
      #expect(again == encoded, "\(Message.self) \(bytes)")
    } catch {
      #expect(error.code == .internalError)
      #expect(error.message.hasPrefix("cannot decode \(Message.protoMessageName): "))
    }
  }
}
