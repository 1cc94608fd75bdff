import BulwarkCore
import BulwarkProtobuf
import TestMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("The codec of a message")
struct MessageCodecTests {
  @Test("appends the bytes of a message, and makes the message from a buffer")
  func roundTrip() throws {
    let codec = MessageCodec<Leaf>.protobuf
    let leaf = Leaf.with { $0.a = 5 }
    var buffer = ByteBuffer(bytes: [1, 2])
    try codec.encode(leaf, &buffer)
    #expect([UInt8](buffer.readableBytesView) == [1, 2] + Wire.number(1, 5))
    buffer.moveReaderIndex(forwardBy: 2)
    #expect(try codec.decode(buffer) == leaf)
  }

  @Test("answers INTERNAL, and says which field, for bytes that are not a message")
  func undecodable() {
    let error = #expect(throws: RPCError.self) {
      try MessageCodec<Scalars>.protobuf.decode(ByteBuffer(bytes: Wire.delimited(14, [0xff])))
    }
    #expect(error?.code == .internalError)
    #expect(error?.message == "cannot decode bulwark.test.Scalars.string_value: the string is not UTF-8")
  }

  @Test("answers INTERNAL for a message that has no bytes, and leaves the buffer as it was")
  func unencodable() {
    var buffer = ByteBuffer(bytes: [1])
    let error = #expect(throws: RPCError.self) {
      try MessageCodec<Required>.protobuf.encode(Required(), &buffer)
    }
    #expect(error?.code == .internalError)
    #expect(error?.message == "cannot encode bulwark.test.proto2.Required: a required message field is nil")
    #expect(buffer == ByteBuffer(bytes: [1]))
  }

  @Test("obeys the limits that it is given")
  func limits() {
    let codec = MessageCodec<Tree>.protobuf(limits: ProtobufDecodingLimits(maximumDepth: 1))
    #expect(throws: Never.self) { try codec.decode(ByteBuffer(bytes: Wire.nested(1, depth: 1))) }
    #expect(throws: RPCError.self) { try codec.decode(ByteBuffer(bytes: Wire.nested(1, depth: 2))) }
  }
}
