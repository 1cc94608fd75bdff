import BulwarkProtobuf
import TestMessages
import Testing

/// An unknown field sends a message to libprotobuf-c that would be unpacked without it: what both make of the same
/// known fields has to be the same.
@Suite("A message that is unpacked without libprotobuf-c is what libprotobuf-c would have made of it")
struct PlainMessageTests {
  private static let varints: [[UInt8]] =
    [0, 1, 2, 127, 128, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 1 << 63, .max].map(Wire.varint)
    + [
      [0x80, 0x00], [0x81, 0x80, 0x80, 0x00],
      // Bits above the 64th.
      [UInt8](repeating: 0x80, count: 9) + [0x02], [UInt8](repeating: 0xff, count: 9) + [0x7f],
    ]

  @Test(
    "for every varint in every field that has one",
    arguments: 1...16 as ClosedRange<UInt64>,
    Self.varints
  )
  func varint(field: UInt64, value: [UInt8]) throws {
    try expectAlike(Wire.tag(field, 0) + value, Scalars.self)
    try expectAlike(Wire.tag(field, 0) + value, Optionals.self)
    try expectAlike(Wire.tag(field, 0) + value, Choice.self)
    try expectAlike(Wire.tag(field, 0) + value, Presence.self)
  }

  @Test(
    "for every field of fixed size",
    arguments: 1...16 as ClosedRange<UInt64>,
    [0x00, 0x01, 0x80, 0xff] as [UInt8]
  )
  func fixed(field: UInt64, byte: UInt8) throws {
    for (type, count) in [(1, 8), (5, 4)] as [(UInt64, Int)] {
      let bytes = Wire.tag(field, type) + [byte] + [UInt8](repeating: 0x42, count: count - 2) + [byte]
      try expectAlike(bytes, Scalars.self)
      try expectAlike(bytes, Optionals.self)
      try expectAlike(bytes, Choice.self)
    }
  }

  @Test("and its numbers are what was written")
  func numbers() throws {
    let message = Scalars.with {
      $0.doubleValue = -1.5; $0.floatValue = 0.25
      $0.int32Value = .min; $0.int64Value = .min; $0.uint32Value = .max; $0.uint64Value = .max
      $0.sint32Value = .min; $0.sint64Value = .min
      $0.fixed32Value = .max; $0.fixed64Value = .max; $0.sfixed32Value = -2; $0.sfixed64Value = -3
      $0.boolValue = true; $0.stringValue = "text"; $0.bytesValue = [0, 255]; $0.colorValue = .negative
    }
    #expect(try Scalars(serializedBytes: message.serializedBytes()) == message)
    try expectAlike(try message.serializedBytes(), Scalars.self)
  }

  @Test("for fields with presence, whose values are the defaults")
  func presence() throws {
    let message = Optionals.with {
      $0.int32Value = 0; $0.boolValue = false; $0.stringValue = ""; $0.bytesValue = [];
      $0.messageValue = Scalars()
    }
    let bytes = try message.serializedBytes()
    #expect(try Optionals(serializedBytes: bytes) == message)
    #expect(try Optionals(serializedBytes: bytes).doubleValue == nil)
    try expectAlike(bytes, Optionals.self)
  }

  @Test("for oneofs, of whose members the last counts", arguments: 1...8, 1...8)
  func oneofs(first: Int, second: Int) throws {
    let members: [[UInt8]] = [
      Wire.number(1, 7), Wire.text(2, "text"), Wire.delimited(3, [1, 2]),
      Wire.delimited(4, Wire.number(1, 5)),
      Wire.delimited(5, Wire.number(2, 6)), Wire.number(6, 1),
      Wire.tag(7, 1) + [0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
      Wire.number(8, 1),
    ]
    try expectAlike(members[first - 1] + members[second - 1], Choice.self)
    try expectAlike(members[first - 1] + members[second - 1] + members[first - 1], Choice.self)
  }

  @Test("for nested messages, up to where they outgrow the memory that there is for it", arguments: 0...40)
  func nested(depth: Int) throws {
    try expectAlike(Wire.nested(1, depth: depth), Tree.self)
    try expectAlike(Wire.delimited(2, Wire.nested(4, depth: depth & 1)), Holder.self)
  }

  @Test("for tags of any length")
  func tags() throws {
    try expectAlike(
      Wire.number(16, 1) + Wire.number(2048, 2) + Wire.number(536_870_911, 3),
      Numbers.self
    )
    try expectAlike([0x88, 0x80, 0x00, 0x05], Numbers.self)
  }

  @Test("for any fields in any order", arguments: 0..<8 as Range<UInt64>)
  func anyFields(seed: UInt64) throws {
    var random = SplitMix(seed: seed &+ 2000)
    for _ in 0..<300 {
      var bytes: [UInt8] = []
      for _ in 0..<random.below(8) { bytes += Self.field(&random, depth: 2) }
      try expectAlike(bytes, Scalars.self)
      try expectAlike(bytes, Optionals.self)
      try expectAlike(bytes, Choice.self)
      try expectAlike(bytes, Holder.self)
      try expectAlike(bytes, Presence.self)
    }
  }

  @Test("and does not change with the bytes that it came from")
  func independence() throws {
    var bytes =
      Wire.text(14, "a text that is too long to lie in the string itself") + Wire.delimited(15, [1, 2, 3])
    let message = try Scalars(serializedBytes: bytes)
    for index in bytes.indices { bytes[index] = 0 }
    #expect(message.stringValue == "a text that is too long to lie in the string itself")
    #expect(message.bytesValue == [1, 2, 3])
  }

  private static func field(_ random: inout SplitMix, depth: Int) -> [UInt8] {
    let number = UInt64(random.below(16) + 1)
    switch random.below(depth > 0 ? 6 : 4) {
    case 0, 1: return Wire.tag(number, 0) + Self.varints[random.below(Self.varints.count)]
    case 2: return Wire.tag(number, 5) + (0..<4).map { _ in UInt8(random.below(256)) }
    case 3: return Wire.tag(number, 1) + (0..<8).map { _ in UInt8(random.below(256)) }
    case 4: return Wire.delimited(number, (0..<random.below(5)).map { _ in UInt8(random.below(128)) })
    default: return Wire.delimited(number, Self.field(&random, depth: depth - 1))
    }
  }
}
