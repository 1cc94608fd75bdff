import BulwarkProtobuf
import TestMessages
import Testing

@Suite("A list that is laid out without libprotobuf-c is what libprotobuf-c would have made of it")
struct PlainListTests {
  // MARK: - Lists that stand together

  @Test(
    "of strings and of bytes, up to where they outgrow the stack and beyond",
    arguments: [0, 1, 2, 15, 16, 17, 40, 48, 52, 53, 54, 55, 56, 64, 300, 5000]
  )
  func elements(count: Int) throws {
    let message = Repeateds.with {
      $0.strings = (0..<count).map { "text \($0)" }
      $0.byteStrings = (0..<count).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 300) }
    }
    let bytes = try message.serializedBytes()
    #expect(try Repeateds(serializedBytes: bytes) == message)
    try expectAlike(bytes, Repeateds.self)
  }

  @Test(
    "of messages, up to where they outgrow the stack and beyond",
    arguments: [1, 2, 4, 5, 6, 7, 16, 17, 400]
  )
  func messages(count: Int) throws {
    // The tag of the field has two bytes.
    let message = Repeateds.with {
      $0.messages = (0..<count).map { number in .with { $0.int32Value = Int32(number) } }
      $0.strings = ["before", ""]
    }
    let bytes = try message.serializedBytes()
    #expect(try Repeateds(serializedBytes: bytes) == message)
    try expectAlike(bytes, Repeateds.self)
  }

  @Test("of messages in messages in lists", arguments: [0, 1, 3, 10, 60])
  func trees(count: Int) throws {
    let tree = Tree.with {
      $0.children = (0..<count).map { number in
        .with {
          $0.value = Int32(number)
          $0.children = (0..<number % 7).map { value in .with { $0.value = Int32(value) } }
          $0.branch = .with { $0.tree = .with { $0.children = [Tree(), Tree()] } }
        }
      }
      $0.named = ["a": .with { $0.value = 1 }, "b": .with { $0.named = ["c": Tree()] }]
    }
    let bytes = try tree.serializedBytes()
    #expect(try Tree(serializedBytes: bytes) == tree)
    try expectAlike(bytes, Tree.self)
  }

  @Test("of the entries of maps, of which the last with a key counts")
  func maps() throws {
    let message = Maps.with {
      $0.int32s = [1: 2, -3: 4]
      $0.bools = [true: "yes", false: ""]
      $0.strings = ["key": [1, 2, 3], "": []]
      $0.messages = ["m": .with { $0.stringValue = "text" }]
    }
    let bytes = try message.serializedBytes()
    #expect(try Maps(serializedBytes: bytes) == message)
    try expectAlike(bytes, Maps.self)
    let twice =
      Wire.delimited(1, Wire.number(1, 7) + Wire.number(2, 1))
      + Wire.delimited(1, Wire.number(2, 9) + Wire.number(1, 7))
    #expect(try Maps(serializedBytes: twice).int32s == [7: 9])
    // Neither a key nor a value; a message without a value.
    try expectAlike(twice + Wire.delimited(1, []) + Wire.delimited(8, Wire.text(1, "k")), Maps.self)
  }

  // MARK: - Lists that do not

  @Test("with other fields between the elements, which keep their order", arguments: [2, 3, 70, 1000])
  func scattered(count: Int) throws {
    var bytes: [UInt8] = []
    for number in 0..<count {
      bytes += Wire.text(14, "\(number)") + Wire.delimited(15, [UInt8(truncatingIfNeeded: number)])
      bytes += Wire.delimited(17, Wire.number(3, UInt64(number)))
    }
    let message = try Repeateds(serializedBytes: bytes)
    #expect(message.strings == (0..<count).map { "\($0)" })
    #expect(message.byteStrings == (0..<count).map { [UInt8(truncatingIfNeeded: $0)] })
    #expect(message.messages.map(\.int32Value) == (0..<count).map { Int32($0) })
    try expectAlike(bytes, Repeateds.self)
  }

  @Test("with one more element behind a list that outgrew the stack")
  func straggler() throws {
    let bytes =
      Wire.repeated(Wire.text(14, "one of many"), count: 500) + Wire.delimited(15, []) + Wire.text(14, "last")
    let message = try Repeateds(serializedBytes: bytes)
    #expect(message.strings.count == 501)
    #expect(message.strings.last == "last")
    try expectAlike(bytes, Repeateds.self)
  }

  @Test("with tags of different length between the elements")
  func tags() throws {
    let bytes =
      Wire.text(14, "a") + [0xf2, 0x00, 0x01, 0x62] + [0xf2, 0x80, 0x00, 0x01, 0x63] + Wire.text(14, "d")
    #expect(try Repeateds(serializedBytes: bytes).strings == ["a", "b", "c", "d"])
    try expectAlike(bytes, Repeateds.self)
  }

  @Test(
    "beside lists of numbers of every type, packed and not",
    arguments: [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 300, 5000]
  )
  func numbers(count: Int) throws {
    let message = Repeateds.with {
      $0.doubles = (0..<count).map { Double($0) / 3 }
      $0.floats = (0..<count).map { Float($0) / 3 }
      $0.int32s = (0..<count).map { Int32($0) - 3 }
      $0.int64s = (0..<count).map { Int64($0) << 40 - 3 }
      $0.uint32s = (0..<count).map { UInt32($0) << 18 }
      $0.uint64s = (0..<count).map { UInt64.max - UInt64($0) }
      $0.sint32s = (0..<count).map { $0 % 2 == 0 ? Int32($0) : .min }
      $0.sint64s = (0..<count).map { $0 % 2 == 0 ? -Int64($0) : .max }
      $0.fixed32s = (0..<count).map { UInt32($0) << 18 }
      $0.fixed64s = (0..<count).map { UInt64($0) << 50 }
      $0.sfixed32s = (0..<count).map { -Int32($0) }
      $0.sfixed64s = (0..<count).map { -Int64($0) }
      $0.bools = (0..<count).map { $0 % 3 == 0 }
      $0.colors = (0..<count).map { [.red, .negative, .unspecified][$0 % 3] }
      $0.strings = ["behind numbers"]
    }
    let bytes = try message.serializedBytes()
    #expect(try Repeateds(serializedBytes: bytes) == message)
    try expectAlike(bytes, Repeateds.self)
    let unpacked = Unpackeds.with {
      $0.doubles = message.doubles
      $0.int32s = message.int32s
      $0.sint64s = message.sint64s
      $0.fixed32s = message.fixed32s
      $0.bools = message.bools
      $0.colors = message.colors
    }
    let fields = try unpacked.serializedBytes()
    #expect(try Unpackeds(serializedBytes: fields) == unpacked)
    try expectAlike(fields, Unpackeds.self)
    // Each of the two takes the other's form.
    #expect(try Unpackeds(serializedBytes: bytes).int32s == message.int32s)
    #expect(try Repeateds(serializedBytes: fields).int32s == message.int32s)
    try expectAlike(fields, Repeateds.self)
  }

  @Test("and numbers that are longer than they need be, and booleans that are not one byte")
  func longNumbers() throws {
    let long: [UInt8] = [0x81, 0x80, 0x80, 0x00] + [UInt8](repeating: 0xff, count: 9) + [0x7f] + [0x05]
    for field in [3, 4, 5, 6, 7, 8, 16] as [UInt64] {
      try expectAlike(Wire.delimited(field, long), Repeateds.self)
    }
    #expect(try Repeateds(serializedBytes: Wire.delimited(4, long)).int64s == [1, -1, 5])
    #expect(
      try Repeateds(serializedBytes: Wire.delimited(13, long + [0x80, 0x00])).bools == [
        true, true, true, false,
      ]
    )
    let bools = Wire.tag(13, 0) + [0x80, 0x00] + Wire.tag(13, 0) + [0x82, 0x00] + Wire.number(13, 1)
    #expect(try Repeateds(serializedBytes: bools).bools == [false, true, true])
    try expectAlike(bools, Repeateds.self)
  }

  @Test("of numbers in several parts, of which some are packed", arguments: [1, 3, 1000])
  func numbersInParts(count: Int) throws {
    let part =
      Wire.delimited(3, [1, 2, 3]) + Wire.delimited(3, []) + Wire.text(14, "between") + Wire.number(3, 4)
      + Wire.number(3, 5) + Wire.tag(9, 5) + [1, 0, 0, 0] + Wire.delimited(17, Wire.number(3, 6))
    let message = try Repeateds(serializedBytes: Wire.repeated(part, count: count))
    #expect(message.int32s == (0..<count).flatMap { _ in [1, 2, 3, 4, 5] as [Int32] })
    #expect(message.fixed32s == [UInt32](repeating: 1, count: count))
    #expect(message.strings == [String](repeating: "between", count: count))
    #expect(message.messages.map(\.int32Value) == [Int32](repeating: 6, count: count))
    try expectAlike(Wire.repeated(part, count: count), Repeateds.self)
    let leaf = Wire.delimited(3, [1, 2])
    try expectAlike(
      Wire.repeated(Wire.delimited(3, leaf), count: count) + Wire.delimited(1, leaf),
      Holder.self
    )
    try expectAlike(Wire.delimited(3, []) + leaf, Leaf.self)
    try expectAlike(leaf + leaf, Leaf.self)
  }

  @Test("with an irregular message among its elements")
  func irregular() throws {
    let twice = Wire.delimited(1, Wire.number(5, 1)) + Wire.delimited(1, Wire.delimited(2, []))
    let bytes = Wire.repeated(Wire.delimited(2, Wire.number(5, 3)), count: 100) + Wire.delimited(2, twice)
    let tree = try Tree(serializedBytes: bytes)
    #expect(tree.children.count == 101)
    #expect(
      tree.children.last?.child
        == .with {
          $0.value = 1; $0.children = [Tree()]
        }
    )
    try expectAlike(bytes, Tree.self)
  }

  @Test("of any fields in any order", arguments: 0..<8 as Range<UInt64>)
  func anyFields(seed: UInt64) throws {
    var random = SplitMix(seed: seed &+ 3000)
    for _ in 0..<200 {
      var bytes: [UInt8] = []
      for _ in 0..<random.below(8) {
        let field = Self.field(&random, depth: 3)
        bytes += Wire.repeated(field, count: [1, 1, 2, 3, 30][random.below(5)])
      }
      try expectAlike(bytes, Tree.self)
      try expectAlike(bytes, Holder.self)
      try expectAlike(bytes, Repeateds.self)
      try expectAlike(bytes, Maps.self)
    }
  }

  private static func field(_ random: inout SplitMix, depth: Int) -> [UInt8] {
    let number = UInt64(random.below(depth == 3 ? 17 : 5) + 1)
    switch random.below(depth > 0 ? 8 : 2) {
    case 0: return Wire.number(number, UInt64(random.below(300)))
    case 1: return Wire.delimited(number, (0..<random.below(5)).map { _ in UInt8(random.below(128)) })
    default:
      return Wire.delimited(
        number,
        (0..<random.below(3)).flatMap { _ in Self.field(&random, depth: depth - 1) }
      )
    }
  }

  // MARK: - What it may cost, and what is refused

  @Test("counts as much memory: the limit that is enough, and one less", arguments: 1...16)
  func memory(count: Int) {
    // An element of a list takes 16 bytes, and its text is counted in blocks of 16.
    let first = Self.smallestLimit(Wire.text(14, "text"))
    let bytes = Wire.repeated(Wire.text(14, "text"), count: count)
    #expect(Self.smallestLimit(bytes) == first + (count - 1) * 32)
    #expect(Self.smallestLimit(bytes + Wire.number(15_000, 1)) > first + (count - 1) * 32)
  }

  private static func smallestLimit(_ bytes: [UInt8]) -> Int {
    var low = 0
    var high = 1 << 20
    while low < high {
      let middle = (low + high) / 2
      let limits = ProtobufDecodingLimits(memoryBase: middle, memoryPerWireByte: 0)
      if (try? Repeateds(serializedBytes: bytes, limits: limits)) != nil {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }

  @Test("is refused where one of many elements is not UTF-8, is cut, or is too deep")
  func faults() {
    let many = Wire.repeated(Wire.text(14, "text"), count: 200)
    Self.expectError(many + Wire.delimited(14, [0xff]), Repeateds.self, .invalidUTF8, "strings")
    Self.expectError(many + [0x72, 0x05, 0x61], Repeateds.self, .truncated, "strings")
    Self.expectError(many + [0x72], Repeateds.self, .truncated, "strings")
    let messages = Wire.repeated(Wire.delimited(17, Wire.number(3, 1)), count: 200)
    Self.expectError(
      messages + Wire.delimited(17, Wire.delimited(14, [0xc0, 0x80])),
      Repeateds.self,
      .invalidUTF8,
      "string_value"
    )
    Self.expectError(messages + [0x8a, 0x01, 0x02, 0x18], Repeateds.self, .truncated, "messages")
    // The first fault is the one that is told of.
    Self.expectError(
      Wire.delimited(17, [0x18]) + [0x8a, 0x01, 0x02, 0x18],
      Repeateds.self,
      .truncated,
      "int32_value"
    )
    let children = Wire.repeated(Wire.delimited(2, []), count: 200)
    Self.expectError(children + Wire.nested(2, depth: 101), Tree.self, .tooDeep, "children")
    #expect(throws: Never.self) { try Tree(serializedBytes: children + Wire.nested(2, depth: 100)) }
  }

  private static func expectError<Message: ProtobufMessage>(
    _ bytes: [UInt8],
    _ type: Message.Type,
    _ reason: ProtobufDecodingError.Reason,
    _ field: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: ProtobufDecodingError.self, sourceLocation: sourceLocation) {
      try Message(serializedBytes: bytes)
    }
    #expect(error?.reason == reason, sourceLocation: sourceLocation)
    #expect(error?.field == field, sourceLocation: sourceLocation)
  }
}
