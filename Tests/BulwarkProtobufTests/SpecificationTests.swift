import BulwarkProtobuf
import TestMessages
import Testing

@Suite("Where libprotobuf-c and the specification differ, the specification holds")
struct SpecificationTests {
  @Test("a repeated number is taken packed and not packed, whatever the schema says")
  func packedBothWays() throws {
    let packed = Wire.delimited(3, [1, 2]) + Wire.delimited(13, [1, 0])
    let unpacked = Wire.number(3, 1) + Wire.number(3, 2) + Wire.number(13, 1) + Wire.number(13, 0)
    for bytes in [packed, unpacked, Wire.number(3, 1) + Wire.delimited(3, [2]) + Wire.delimited(13, [1, 0])] {
      let message = try Repeateds(serializedBytes: bytes)
      #expect(message.int32s == [1, 2])
      #expect(message.bools == [true, false])
      #expect(try message.serializedBytes() == packed)
      let other = try Unpackeds(serializedBytes: bytes)
      #expect(other.int32s == [1, 2])
      #expect(try other.serializedBytes() == unpacked)
    }
  }

  @Test("packed booleans may be any varint")
  func packedBooleans() throws {
    let message = try Repeateds(serializedBytes: Wire.delimited(13, [2, 0x80, 0x01, 0x80, 0x00, 0]))
    #expect(message.bools == [true, true, false, false])
  }

  @Test("the last of several values counts")
  func lastWins() throws {
    let message = try Scalars(
      serializedBytes: Wire.number(3, 1) + Wire.text(14, "long text") + Wire.number(3, 2) + Wire.text(14, "")
    )
    #expect(message.int32Value == 2)
    #expect(message.stringValue == "")
  }

  @Test("a message that comes in parts is merged, its unknown fields included")
  func merging() throws {
    let first = Wire.number(1, 1) + Wire.number(3, 7) + Wire.number(50, 1)
    let second = Wire.number(2, 2) + Wire.delimited(3, [8]) + Wire.number(51, 1)
    let message = try Holder(
      serializedBytes: Wire.delimited(1, first) + Wire.number(90, 1) + Wire.delimited(1, second)
    )
    #expect(message.leaf?.a == 1)
    #expect(message.leaf?.b == 2)
    #expect(message.leaf?.c == [7, 8])
    #expect(message.leaf?.unknownFields.bytes == Wire.number(50, 1) + Wire.number(51, 1))
    #expect(message.unknownFields.bytes == Wire.number(90, 1))
  }

  @Test("parts are merged at every level")
  func deepMerging() throws {
    func tree(_ field: [UInt8]) -> [UInt8] { Wire.delimited(2, Wire.delimited(1, Wire.delimited(1, field))) }
    let message = try Holder(serializedBytes: tree(Wire.number(5, 1)) + tree(Wire.delimited(4, [])))
    #expect(message.tree?.child?.child?.value == 1)
    #expect(message.tree?.child?.child?.branch == Branch())
  }

  @Test("a oneof holds the member that came last; the same message twice is merged")
  func oneofs() throws {
    let leafA = Wire.delimited(5, Wire.number(1, 1))
    let leafB = Wire.delimited(5, Wire.number(2, 2))
    #expect(
      try Choice(serializedBytes: leafA + leafB).value
        == .leaf(
          .with {
            $0.a = 1; $0.b = 2
          }
        )
    )
    #expect(try Choice(serializedBytes: leafA + Wire.number(1, 9)).value == .number(9))
    #expect(try Choice(serializedBytes: leafA + Wire.number(1, 9) + leafB).value == .leaf(.with { $0.b = 2 }))
    #expect(try Choice(serializedBytes: leafA + leafB + Wire.text(2, "x")).value == .text("x"))
    #expect(
      try Choice(serializedBytes: Wire.text(2, "x") + leafA + leafB + Wire.number(1, 0)).value == .number(0)
    )
  }

  @Test("of map entries with the same key the last one counts, and both fields of an entry may be missing")
  func maps() throws {
    func entry(_ fields: [UInt8]) -> [UInt8] { Wire.delimited(1, fields) }
    let twice = entry(Wire.number(1, 5) + Wire.number(2, 1)) + entry(Wire.number(2, 2) + Wire.number(1, 5))
    #expect(try Maps(serializedBytes: twice).int32s == [5: 2])
    #expect(try Maps(serializedBytes: entry([])).int32s == [0: 0])
    #expect(try Maps(serializedBytes: Wire.delimited(8, Wire.text(1, "a"))).messages == ["a": Scalars()])
  }

  @Test("a map entry that a dictionary could not keep whole stays as it came")
  func foreignEntry() throws {
    let bytes = Wire.delimited(1, Wire.number(1, 5) + Wire.number(3, 1))
    let message = try Maps(serializedBytes: bytes)
    #expect(message.int32s == [:])
    #expect(try message.serializedBytes() == bytes)
  }

  @Test("map entries are written in the order of their keys")
  func mapOrder() throws {
    let message = Maps.with {
      $0.int32s = [3: 0, -1: 0, 2: 0]
      $0.bools = [true: "", false: ""]
      $0.strings = ["b": [], "a": [], "ab": []]
    }
    var reordered = Maps()
    for key in [2, 3, -1] as [Int32] { reordered.int32s[key] = 0 }
    for key in [false, true] { reordered.bools[key] = "" }
    for key in ["ab", "b", "a"] { reordered.strings[key] = [] }
    #expect(try message.serializedBytes() == reordered.serializedBytes())
    let keys = [UInt64(bitPattern: -1), 2, 3].flatMap {
      Wire.delimited(1, Wire.number(1, $0) + Wire.number(2, 0))
    }
    #expect(try message.serializedBytes().starts(with: keys))
  }

  @Test("unknown fields of every wire type are kept, in order, at every level")
  func unknownFields() throws {
    let unknown =
      Wire.number(100, 1) + Wire.tag(101, 1) + [1, 2, 3, 4, 5, 6, 7, 8] + Wire.text(102, "x")
      + Wire.group(103, Wire.number(1, 2) + Wire.group(104, [])) + Wire.tag(105, 5) + [1, 2, 3, 4]
    let known = Wire.number(1, 9)
    let leaf = try Leaf(serializedBytes: unknown + known)
    #expect(leaf.a == 9)
    #expect(leaf.unknownFields.bytes == unknown)
    #expect(try leaf.serializedBytes() == known + unknown)
    let holder = Wire.delimited(1, known + unknown) + unknown
    #expect(try Holder(serializedBytes: holder).serializedBytes() == holder)
    #expect(try Empty(serializedBytes: unknown).serializedBytes() == unknown)
  }

  @Test("a known field with another wire type is an unknown field")
  func mismatch() throws {
    let mismatched =
      Wire.text(1, "x") + Wire.tag(2, 5) + [1, 2, 3, 4] + Wire.tag(3, 1) + [1, 2, 3, 4, 5, 6, 7, 8]
    let bytes = mismatched + Wire.number(1, 4)
    let leaf = try Leaf(serializedBytes: bytes)
    #expect(leaf.a == 4)
    #expect(leaf.b == 0)
    #expect(leaf.unknownFields.bytes == mismatched)
    let strings = try Scalars(serializedBytes: Wire.number(14, 3) + Wire.group(15, []))
    #expect(strings.stringValue == "")
    #expect(strings.unknownFields.bytes == Wire.number(14, 3) + Wire.group(15, []))
  }

  @Test("a field of the number that wraps others is a field like any other")
  func envelopes() throws {
    for bytes in [Wire.text(19_000, "x"), Wire.number(19_000, 7), Wire.group(19_000, Wire.text(19_000, ""))] {
      #expect(try Leaf(serializedBytes: bytes).unknownFields.bytes == bytes)
      #expect(try Leaf(serializedBytes: bytes).serializedBytes() == bytes)
    }
  }

  @Test("a group of the schema stays an unknown field")
  func knownGroup() throws {
    let bytes = Wire.number(1, 1) + Wire.number(3, 3) + Wire.group(2, Wire.number(1, 5))
    let message = try Grouped(serializedBytes: bytes)
    #expect(message.before == 1)
    #expect(message.after == 3)
    #expect(try message.serializedBytes() == bytes)
  }

  @Test("extensions stay unknown fields")
  func extensions() throws {
    let bytes = Wire.text(100, "note")
    #expect(try Presence(serializedBytes: bytes).serializedBytes() == bytes)
  }

  @Test("negative zero is not the default")
  func negativeZero() throws {
    let message = Scalars.with {
      $0.doubleValue = -0.0; $0.floatValue = -0.0
    }
    let bytes = try message.serializedBytes()
    #expect(bytes.count == 14)
    let decoded = try Scalars(serializedBytes: bytes)
    #expect(decoded.doubleValue.sign == .minus && decoded.floatValue.sign == .minus)
    #expect(try Scalars.with { $0.doubleValue = 0 }.serializedBytes() == [])
  }

  @Test("a NUL does not end a string")
  func nul() throws {
    let bytes = Wire.text(14, "a\0b")
    let message = try Scalars(serializedBytes: bytes)
    #expect(message.stringValue == "a\0b")
    #expect(try message.serializedBytes() == bytes)
  }

  @Test("enumerations keep numbers that the schema does not name")
  func openEnums() throws {
    let message = try Scalars(serializedBytes: Wire.number(16, 77))
    #expect(message.colorValue == .unrecognized(77))
    #expect(message.colorValue.rawValue == 77)
    #expect(try message.serializedBytes() == Wire.number(16, 77))
    #expect(Color(rawValue: 1) == .red && Color() == .unspecified)
  }
}
