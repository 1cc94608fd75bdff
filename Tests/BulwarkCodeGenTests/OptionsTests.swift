import BulwarkCodeGen
import SwiftProtobufPluginLibrary
import Testing

@Suite("The options of the generator")
struct OptionsTests {
  private static let file = """
    name: "shop/v1/item.proto" package: "shop.v1" syntax: "proto3" message_type { name: "Item" }
    """

  @Test(
    "say who can see what is generated",
    arguments: [
      ("public", "public struct"), ("package", "package struct"), ("internal", "struct"),
      ("Public", "public struct"),
    ]
  )
  func visibility(value: String, declaration: String) throws {
    let source = try Generation.source(Self.file, options: "Visibility=\(value)")
    #expect(
      Generation.lines(of: source, with: "struct Item") == [
        "\(declaration) Item: BulwarkProtobuf.ProtobufMessage {"
      ]
    )
    let access = declaration.split(separator: " ").dropLast().map { "\($0) " }.joined()
    #expect(source.contains("\n\(access)import BulwarkProtobuf\n"))
  }

  @Test(
    "say what the file is called",
    arguments: [
      ("", "shop/v1/item.bulwark.swift"), ("FileNaming=FullPath", "shop/v1/item.bulwark.swift"),
      ("FileNaming=PathToUnderscores", "shop_v1_item.bulwark.swift"),
      ("FileNaming=DropPath", "item.bulwark.swift"),
    ]
  )
  func fileNaming(option: String, name: String) throws {
    #expect(try Generation.response([Self.file], options: option).file.map(\.name) == [name])
  }

  @Test("say what stands before the names of types; the file's own swift_prefix comes first")
  func prefixes() throws {
    #expect(try Generation.source(Self.file, options: "TypePrefix=Shop").contains("struct ShopItem:"))
    let own = Self.file + " options { swift_prefix: \"Own\" }"
    #expect(try Generation.source(own, options: "TypePrefix=Shop").contains("struct OwnItem:"))
  }

  @Test("say which module a file's types are in")
  func modules() throws {
    let user = """
      name: "user.proto" package: "user" syntax: "proto3" dependency: "shop/v1/item.proto"
      message_type { name: "Cart" field { name: "item" number: 1 type: TYPE_MESSAGE type_name: ".shop.v1.Item" } }
      """
    let source = try Generation.source(Self.file, user, options: "Import=shop/v1/item.proto:Shop")
    #expect(source.contains("import Shop\n"))
    #expect(Generation.lines(of: source, with: "var item") == ["var item: Shop.Item?"])
    #expect(source.contains(".imported(Shop.Item.protobufLayout)"))
    let together = try Generation.source(Self.file, user)
    #expect(Generation.lines(of: together, with: "var item") == ["var item: Item?"])
  }

  @Test("know that the runtime has the well-known types")
  func wellKnownTypes() throws {
    let empty = """
      name: "google/protobuf/empty.proto" package: "google.protobuf" syntax: "proto3" message_type { name: "Empty" }
      """
    let user = """
      name: "user.proto" syntax: "proto3" dependency: "google/protobuf/empty.proto"
      message_type { name: "M" field { name: "e" number: 1 type: TYPE_MESSAGE type_name: ".google.protobuf.Empty" } }
      """
    #expect(try Generation.source(empty, user).contains("var e: BulwarkProtobuf.ProtobufEmpty?"))
    let runtime = try Generation.source(empty, options: "ImportRuntime=false")
    #expect(runtime.contains("struct ProtobufEmpty:"))
    #expect(Generation.lines(of: runtime, with: "import ") == ["import BulwarkCore"])
  }

  @Test("know that the runtime has the types of rich errors, and that it is one module")
  func richErrors() throws {
    let any = """
      name: "google/protobuf/any.proto" package: "google.protobuf" syntax: "proto3" message_type { name: "Any" }
      """
    let status = """
      name: "google/rpc/status.proto" package: "google.rpc" syntax: "proto3" dependency: "google/protobuf/any.proto"
      message_type { name: "Status"
        field { name: "cause" number: 1 type: TYPE_MESSAGE type_name: ".google.protobuf.Any" } }
      """
    let user = """
      name: "user.proto" syntax: "proto3" dependency: "google/rpc/status.proto"
      message_type { name: "M" field { name: "s" number: 1 type: TYPE_MESSAGE type_name: ".google.rpc.Status" } }
      """
    #expect(try Generation.source(any, status, user).contains("var s: BulwarkProtobuf.RPCStatus?"))
    let runtime = try Generation.source(any, status, options: "ImportRuntime=false")
    #expect(Generation.lines(of: runtime, with: "var cause") == ["var cause: ProtobufAny?"])
    #expect(Generation.lines(of: runtime, with: "import ") == ["import BulwarkCore"])
  }

  @Test(
    "are refused in one line when they are not what they should be",
    arguments: [
      ("Visibility=open", "Visibility is 'open', but must be one of: public, package, internal"),
      ("FileNaming=x", "FileNaming is 'x', but must be one of: FullPath, PathToUnderscores, DropPath"),
      ("Import=x", "Import is 'x', but must be FILE.proto:MODULE"),
      ("Colour=red", "unknown option 'Colour'"),
    ]
  )
  func refusals(option: String, message: String) throws {
    let response = try Generation.response([Self.file], options: option)
    #expect(response.error == message)
    #expect(response.file.isEmpty)
  }
}
