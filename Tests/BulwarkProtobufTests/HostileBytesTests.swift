import BulwarkProtobuf
import TestMessages
import Testing

@Suite("Bytes that nobody should send are refused, and the error says where")
struct HostileBytesTests {
  private func error<Message: ProtobufMessage>(
    _ type: Message.Type,
    _ bytes: [UInt8],
    limits: ProtobufDecodingLimits = ProtobufDecodingLimits()
  ) -> ProtobufDecodingError? {
    do throws(ProtobufDecodingError) {
      _ = try Message(serializedBytes: bytes, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  // MARK: - Depth

  @Test("100 levels are taken, 101 are not, and neither are a million")
  func depth() throws {
    let tree = try Tree(serializedBytes: Wire.nested(1, depth: 100))
    #expect(try tree.serializedBytes() == Wire.nested(1, depth: 100))
    for depth in [101, 1_000_000] {
      let error = self.error(Tree.self, Wire.nested(1, depth: depth))
      #expect(error?.reason == .tooDeep)
      #expect(error?.description == "bulwark.test.Tree.child: messages are nested too deep")
    }
  }

  @Test("unknown groups count as levels")
  func groupDepth() throws {
    let opening = Wire.tag(99, 3)
    let closing = Wire.tag(99, 4)
    func groups(_ depth: Int) -> [UInt8] {
      Wire.repeated(opening, count: depth) + Wire.repeated(closing, count: depth)
    }
    #expect(self.error(Leaf.self, groups(100)) == nil)
    #expect(self.error(Leaf.self, groups(101))?.reason == .tooDeep)
    #expect(self.error(Leaf.self, groups(100_000))?.reason == .tooDeep)
  }

  @Test(
    "a limit can be set, up to what the stack is sure to hold",
    arguments: [(2, 2), (0, 0), (-5, 0), (.max, 200)]
  )
  func ownDepth(limit: Int, depth: Int) {
    var limits = ProtobufDecodingLimits()
    limits.maximumDepth = limit
    #expect(self.error(Tree.self, Wire.nested(1, depth: depth), limits: limits) == nil)
    #expect(self.error(Tree.self, Wire.nested(1, depth: depth + 1), limits: limits)?.reason == .tooDeep)
  }

  @Test("what is too deep is not encoded either")
  func encodingDepth() throws {
    var tree = Tree()
    for _ in 0..<100 { tree = .with { $0.child = tree } }
    #expect(try tree.serializedBytes() == Wire.nested(1, depth: 100))
    let deeper = Tree.with { $0.child = tree }
    let error = #expect(throws: ProtobufEncodingError.self) { try deeper.serializedBytes() }
    #expect(error?.description == "bulwark.test.Tree: messages are nested deeper than 100 levels")
  }

  // MARK: - Memory

  @Test("many empty messages in few bytes exceed the memory that their bytes allow")
  func amplification() {
    let bytes = Wire.repeated([0x12, 0x00], count: 100_000)
    let error = self.error(Tree.self, bytes)
    #expect(error?.reason == .memoryLimitExceeded)
    #expect(error?.message == "bulwark.test.Tree")
    #expect(self.error(Tree.self, [UInt8](bytes.prefix(20_000))) == nil)
  }

  @Test("many unknown fields in few bytes exceed it too")
  func unknownAmplification() {
    let bytes = Wire.repeated([0x78, 0x00], count: 150_000)
    #expect(self.error(Leaf.self, bytes)?.reason == .memoryLimitExceeded)
  }

  @Test("and so do fields that have to be wrapped")
  func irregularAmplification() {
    let bytes = Wire.repeated([0x0a, 0x00], count: 150_000)
    #expect(self.error(Leaf.self, bytes)?.reason == .memoryLimitExceeded)
  }

  @Test("limits can be set, and do not overflow")
  func ownMemory() {
    let none = ProtobufDecodingLimits(memoryBase: 0, memoryPerWireByte: 0)
    #expect(self.error(Leaf.self, Wire.number(1, 1), limits: none)?.reason == .memoryLimitExceeded)
    let most = ProtobufDecodingLimits(memoryBase: .max, memoryPerWireByte: .max)
    #expect(self.error(Leaf.self, Wire.number(1, 1), limits: most) == nil)
  }

  // MARK: - Text

  @Test(
    "strings that are not UTF-8",
    arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80]] as [[UInt8]]
  )
  func invalidText(_ text: [UInt8]) {
    let error = self.error(Scalars.self, Wire.delimited(14, text))
    #expect(error?.reason == .invalidUTF8)
    #expect(error?.description == "bulwark.test.Scalars.string_value: the string is not UTF-8")
    // One that a later value replaces, one in a list, and one that is the key of a map.
    #expect(self.error(Scalars.self, Wire.delimited(14, text) + Wire.text(14, "a"))?.reason == .invalidUTF8)
    #expect(self.error(Repeateds.self, Wire.delimited(14, text))?.field == "strings")
    let key = self.error(Maps.self, Wire.delimited(6, Wire.delimited(1, text)))
    #expect(key?.description == "bulwark.test.Maps.StringsEntry.key: the string is not UTF-8")
    #expect(self.error(Scalars.self, Wire.delimited(15, text)) == nil)
  }

  // MARK: - Malformed fields

  @Test("field number zero, wire types that do not exist, and tags that are too long")
  func tags() {
    let malformed: [[UInt8]] = [
      [0x00, 0x00], [0x02, 0x00], [0x80, 0x00, 0x00], [0x0e], [0x0f], [0x0c],
      [0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00], [0xf8, 0xff, 0xff, 0xff, 0x1f, 0x00],
    ]
    for bytes in malformed {
      #expect(self.error(Scalars.self, bytes)?.reason == .malformed, "\(bytes)")
      #expect(self.error(Empty.self, bytes)?.reason == .malformed, "\(bytes)")
    }
    #expect(self.error(Scalars.self, [0xf8, 0xff, 0xff, 0xff, 0x0f, 0x00]) == nil)
  }

  @Test("varints of ten bytes are taken, of eleven they are not")
  func longVarints() throws {
    let ten = [UInt8](repeating: 0xff, count: 9) + [0x01]
    #expect(try Scalars(serializedBytes: Wire.tag(4, 0) + ten).int64Value == -1)
    #expect(try Scalars(serializedBytes: Wire.tag(3, 0) + ten).int32Value == -1)
    #expect(try Scalars(serializedBytes: Wire.tag(13, 0) + [0x80, 0x80, 0x01]).boolValue)
    let eleven = [UInt8](repeating: 0xff, count: 10) + [0x01]
    let error = self.error(Scalars.self, Wire.tag(4, 0) + eleven)
    #expect(error?.description == "bulwark.test.Scalars.int64_value: the field is malformed")
  }

  @Test("a tag and a length may have more bytes than they need, up to five")
  func overlongTagsAndLengths() throws {
    #expect(try Scalars(serializedBytes: [0x98, 0x80, 0x00, 0x05]).int32Value == 5)
    #expect(try Scalars(serializedBytes: [0x72, 0x81, 0x80, 0x80, 0x80, 0x00, 0x61]).stringValue == "a")
    #expect(self.error(Scalars.self, [0x72, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 0x61])?.reason == .malformed)
    #expect(self.error(Scalars.self, [0x72, 0xff, 0xff, 0xff, 0xff, 0x0f])?.reason == .malformed)
    #expect(self.error(Scalars.self, [0x72, 0xff, 0xff, 0xff, 0xff, 0x07])?.reason == .truncated)
  }

  @Test("packed fields whose length does not fit their elements")
  func packed() {
    #expect(self.error(Repeateds.self, Wire.delimited(1, [0, 0, 0]))?.field == "doubles")
    #expect(self.error(Repeateds.self, Wire.delimited(9, [0, 0, 0, 0, 0]))?.field == "fixed32s")
    #expect(self.error(Repeateds.self, Wire.delimited(3, [0x80]))?.field == "int32s")
    #expect(self.error(Repeateds.self, Wire.delimited(13, [0x80]))?.field == "bools")
  }

  @Test("groups that do not end, or end another one")
  func groups() {
    #expect(
      self.error(Leaf.self, Wire.tag(9, 3))?.description
        == "bulwark.test.Leaf.#9: the bytes end inside the field"
    )
    #expect(self.error(Leaf.self, Wire.tag(9, 3) + Wire.tag(8, 4))?.reason == .malformed)
    #expect(self.error(Leaf.self, Wire.tag(9, 4))?.reason == .malformed)
  }

  @Test("required fields that are missing")
  func required() throws {
    let whole = Required.with {
      $0.text = "t"; $0.message = Presence()
    }
    let bytes = try whole.serializedBytes()
    #expect(try Required(serializedBytes: bytes) == whole)
    let empty = self.error(Required.self, [])
    #expect(empty?.reason == .missingRequiredField)
    #expect(empty?.field == "number")
    let error = #expect(throws: ProtobufEncodingError.self) { try Required().serializedBytes() }
    #expect(error?.reason == .missingRequiredField)
  }
}
