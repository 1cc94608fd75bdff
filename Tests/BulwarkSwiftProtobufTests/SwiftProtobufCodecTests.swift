import BulwarkCore
import BulwarkSwiftProtobuf
import SwiftProtobuf
import SwiftProtobufMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("The codec of a message of swift-protobuf")
struct SwiftProtobufCodecTests {
  @Test("appends the bytes of a message, and makes the message from a buffer")
  func roundTrip() throws {
    let codec = MessageCodec<Bulwark_Test_Leaf>.swiftProtobuf
    let leaf = Bulwark_Test_Leaf.with { $0.a = 5 }
    var buffer = ByteBuffer(bytes: [1, 2])
    try codec.encode(leaf, &buffer)
    #expect(buffer == ByteBuffer(bytes: [1, 2, 0x08, 5]))
    buffer.moveReaderIndex(forwardBy: 2)
    #expect(try codec.decode(buffer) == leaf)
  }

  @Test("makes the empty message from no bytes, and none from it")
  func empty() throws {
    let codec = MessageCodec<Bulwark_Test_Tree>.swiftProtobuf
    #expect(try codec.decode(ByteBuffer()) == Bulwark_Test_Tree())
    var buffer = ByteBuffer()
    try codec.encode(Bulwark_Test_Tree(), &buffer)
    #expect(buffer == ByteBuffer())
  }

  @Test(
    "answers INTERNAL, and says what is wrong with which message, for bytes that are not one",
    arguments: [
      ([0x72, 1, 0xff], "a string is not UTF-8"), ([0x08], "the bytes end inside a field"),
      ([0x72, 9, 0x61], "the bytes end inside a field"), ([0x06], "a field is malformed"),
      ([0x00, 0x00], "a field is malformed"),
    ]
  )
  func undecodable(bytes: [UInt8], reason: String) {
    let error = #expect(throws: RPCError.self) {
      try MessageCodec<Bulwark_Test_Scalars>.swiftProtobuf.decode(ByteBuffer(bytes: bytes))
    }
    #expect(error?.code == .internalError)
    #expect(error?.message == "cannot decode bulwark.test.Scalars: \(reason)")
  }

  @Test("answers INTERNAL for a message without a required field, and leaves the buffer as it was")
  func required() {
    let codec = MessageCodec<Bulwark_Test_Proto2_Required>.swiftProtobuf
    var buffer = ByteBuffer(bytes: [1])
    let unencodable = #expect(throws: RPCError.self) {
      try codec.encode(Bulwark_Test_Proto2_Required(), &buffer)
    }
    #expect(unencodable?.code == .internalError)
    #expect(
      unencodable?.message
        == "cannot encode bulwark.test.proto2.Required: a required field is missing, or the message is larger than 2 GiB"
    )
    #expect(buffer == ByteBuffer(bytes: [1]))
    let undecodable = #expect(throws: RPCError.self) { try codec.decode(ByteBuffer(bytes: [0x08, 1])) }
    #expect(undecodable?.message == "cannot decode bulwark.test.proto2.Required: a required field is missing")
  }

  @Test("obeys the options that it is given")
  func options() throws {
    var decoding = BinaryDecodingOptions()
    decoding.discardUnknownFields = true
    decoding.messageDepthLimit = 2
    var encoding = BinaryEncodingOptions()
    encoding.useDeterministicOrdering = true
    let codec = MessageCodec<Bulwark_Test_Tree>.swiftProtobuf(decoding: decoding, encoding: encoding)

    #expect(try codec.decode(ByteBuffer(bytes: [0x0a, 0])).hasChild)
    let error = #expect(throws: RPCError.self) {
      try codec.decode(ByteBuffer(bytes: [0x0a, 4, 0x0a, 2, 0x0a, 0]))
    }
    #expect(error?.message == "cannot decode bulwark.test.Tree: messages are nested too deep")
    #expect(try codec.decode(ByteBuffer(bytes: [0x78, 1])) == Bulwark_Test_Tree())

    let names = (0..<40).map { "name \($0)" }
    let tree = Bulwark_Test_Tree.with {
      for name in names { $0.named[name] = Bulwark_Test_Tree() }
    }
    var buffer = ByteBuffer()
    try codec.encode(tree, &buffer)
    var expected = ByteBuffer()
    for name in names.sorted() {
      expected.writeBytes([0x1a, UInt8(name.utf8.count + 4), 0x0a, UInt8(name.utf8.count)])
      expected.writeString(name)
      expected.writeBytes([0x12, 0])
    }
    #expect(buffer == expected)
  }

  @Test("decodes the extensions that it is told of; others stay in the unknown fields")
  func extensions() throws {
    let bytes = ByteBuffer(bytes: [0xa2, 0x06, 2, 0x68, 0x69])
    let told = MessageCodec<Bulwark_Test_Proto2_Presence>
      .swiftProtobuf(extensions: Bulwark_Test_Proto2_Proto2_Extensions)
    #expect(try told.decode(bytes).Bulwark_Test_Proto2_note == "hi")
    let untold = MessageCodec<Bulwark_Test_Proto2_Presence>.swiftProtobuf
    let message = try untold.decode(bytes)
    #expect(!message.hasBulwark_Test_Proto2_note)
    var buffer = ByteBuffer()
    try untold.encode(message, &buffer)
    #expect(buffer == bytes)
  }
}
