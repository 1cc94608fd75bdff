import Testing

@testable import BulwarkCodeGen

@Suite("Names of a .proto file become Swift names")
struct NamesTests {
  @Test(
    "of properties",
    arguments: [
      ("block_hash", "blockHash"), ("blockHash", "blockHash"), ("SyncInfo", "syncInfo"), ("Type", "type"),
      ("ID", "id"), ("URLPath", "urlPath"), ("PREVOTE_NIL", "prevoteNil"), ("x", "x"), ("X", "x"),
      ("_leading", "leading"), ("trailing_", "trailing"), ("double__under", "doubleUnder"),
      ("sha256_hash", "sha256Hash"),
      ("_1st", "1st"), ("_", "_"),
    ]
  )
  func lowerCamel(name: String, expected: String) {
    #expect(Casing.lowerCamel(name) == expected)
  }

  @Test(
    "of types that a .proto file names like a field",
    arguments: [("new_block", "NewBlock"), ("kind", "Kind"), ("x1_y", "X1Y")]
  )
  func upperCamel(name: String, expected: String) {
    #expect(Casing.upperCamel(name) == expected)
  }

  @Test(
    "that would not be identifiers get an underscore",
    arguments: [("1st", "_1st"), ("", "_"), ("a", "a"), ("_a", "_a")]
  )
  func identifier(name: String, expected: String) {
    #expect(Casing.identifier(name) == expected)
  }

  @Test(
    "of enumeration values lose the name of the enumeration",
    arguments: [
      ("VoteType", "VOTE_TYPE_PREVOTE", "PREVOTE"), ("VoteType", "VOTETYPE_PREVOTE", "PREVOTE"),
      ("VoteType", "VOTE_PREVOTE", "VOTE_PREVOTE"), ("Version", "VERSION_1", "VERSION_1"),
      ("Case", "CASELESS", "CASELESS"), ("Case", "CASE_", "CASE_"), ("Case", "CASE", "CASE"),
      ("EntryType", "EntryNormal", "EntryNormal"),
    ]
  )
  func enumPrefix(enumeration: String, value: String, expected: String) {
    #expect(EnumPrefix.strip(enumeration, from: value) == expected)
  }

  @Test("that are Swift's own are quoted, or get an underscore where quoting would not help")
  func reserved() {
    #expect(ReservedNames.quoted("class") == "`class`")
    #expect(ReservedNames.quoted("hash") == "hash")
    #expect(ReservedNames.property("self") == "self_")
    #expect(ReservedNames.property("unknownFields") == "unknownFields_")
    #expect(ReservedNames.enumCase("rawValue") == "rawValue_")
    #expect(ReservedNames.method("init") == "init_")
    #expect(ReservedNames.isReservedType("Type") && ReservedNames.isReservedType("String"))
    #expect(!ReservedNames.isReservedType("Vote"))
  }

  @Test(
    "of files are those of their paths",
    arguments: [
      ("shop/v1/item.proto", "shopV1Item"), ("a-b/2.c.proto", "aB2C"), ("class.proto", "`class`"), ("x", "x"),
    ]
  )
  func files(path: String, expected: String) throws {
    let source = try Generation.source("name: \"\(path)\" syntax: \"proto3\"")
    #expect(
      Generation.lines(of: source, with: "static var ") == ["static var \(expected): BulwarkCore.ProtoFile {"]
    )
  }

  @Test("that become equal differ by their numbers, the first one keeps its name")
  func collisions() throws {
    let source = try Generation.source(
      """
      name: "a.proto" syntax: "proto2" message_type { name: "M"
        field { name: "foo_bar" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
        field { name: "fooBar" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
        field { name: "unknown_fields" number: 3 label: LABEL_OPTIONAL type: TYPE_INT32 }
      }
      enum_type { name: "E" value { name: "A_B" number: 0 } value { name: "AB" number: 1 } value { name: "aB" number: -2 } }
      """
    )
    #expect(Generation.lines(of: source, with: "var ").contains("var fooBar: Int32?"))
    #expect(Generation.lines(of: source, with: "var ").contains("var fooBar_2: Int32?"))
    #expect(Generation.lines(of: source, with: "var ").contains("var unknownFields_: Int32?"))
    #expect(
      Generation.lines(of: source, with: "case ").prefix(3) == ["case aB", "case ab", "case aB_minus2"]
    )
  }

  @Test("of nested types do not hide types of the same name at the top level")
  func nestedTypes() throws {
    let source = try Generation.source(
      """
      name: "a.proto" syntax: "proto3"
      message_type { name: "Vote" }
      message_type { name: "Event"
        field { name: "vote" number: 1 type: TYPE_MESSAGE type_name: ".Vote" }
        field { name: "inner" number: 2 type: TYPE_MESSAGE type_name: ".Event.Vote" }
        field { name: "a" number: 3 type: TYPE_INT32 oneof_index: 0 }
        nested_type { name: "Vote" }
        nested_type { name: "String" }
        oneof_decl { name: "string" }
      }
      """
    )
    #expect(Generation.lines(of: source, with: "var ").contains("var vote: Vote?"))
    #expect(Generation.lines(of: source, with: "var ").contains("var inner: Event.VoteMessage?"))
    #expect(source.contains("struct StringMessage:"))
    #expect(source.contains("enum StringOneof:"))
  }
}
