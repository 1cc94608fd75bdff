import BulwarkInterceptors
import BulwarkResilience
import SwiftProtobuf
import SwiftProtobufPluginLibrary
import Testing

@Suite("policy.proto")
struct PolicySchemaTests {
  private typealias Field = Google_Protobuf_FieldDescriptorProto

  /// The fields of an annotation by their keys, those of sections behind the section.
  private func fields(_ file: Google_Protobuf_FileDescriptorProto) throws -> [(key: String, field: Field)] {
    try file.message(".bulwark.MethodPolicy").field.flatMap { field in
      let section = field.type == .message ? try file.message(field.typeName).field : []
      return [(key: field.name, field: field)] + section.map { (key: "\(field.name).\($0.name)", field: $0) }
    }
  }

  @Test("has the keys of MethodPolicy, in their order, and the executor")
  func keys() throws {
    let keys = try self.fields(PolicyProto.file()).map(\.key)
    #expect(keys == MethodPolicy.fields.map(\.key) + ["executor"])
  }

  @Test("has values that MethodPolicy can read, and of enumerations all that it knows")
  func values() throws {
    let file = try PolicyProto.file()
    for (key, field) in try self.fields(file) where key != "executor" {
      var policy = MethodPolicy()
      switch field.type {
      case .message: try policy.set(key, to: .flag(true))
      case .bool: try policy.set(key, to: .flag(true))
      case .double: try policy.set(key, to: .number(0.5))
      case .uint32:
        try policy.set(key, to: .integer(1))
        #expect(throws: InvalidOption.self, "\(key) is no integer") { try policy.set(key, to: .number(0.5)) }
      case .string where field.name == "name": try policy.set(key, to: .text("a name"))
      case .string:
        try policy.set(key, to: .text("3s"))
        #expect(throws: InvalidOption.self, "\(key) is no duration") { try policy.set(key, to: .text("x")) }
      case .enum:
        let names = try file.enumeration(field.typeName).value.map(\.name)
        for name in names { try policy.set(key, to: .text(name)) }
        let error = #expect(throws: InvalidOption.self) { try policy.set(key, to: .flag(true)) }
        let known = error?.allowed.uppercased().split(separator: ", ").map(String.init)
        #expect(field.label == .repeated ? names.count == 17 : known == names, "\(key)")
      default: Issue.record("\(key) is of a type that MethodPolicy does not have")
      }
    }
  }

  @Test("has no Swift of its own, and changes no name in a file that imports it")
  func noSwift() throws {
    let policy = try PolicyProto.file()
    let response = Generation.response([try Generation.descriptorProto(), policy])
    #expect(response.file.isEmpty && !response.hasError)
    let user = try Google_Protobuf_FileDescriptorProto(
      textFormatString: """
        name: "user.proto" syntax: "proto3" dependency: "bulwark/policy.proto"
        message_type { name: "M" nested_type { name: "RetryPolicy" } }
        """
    )
    let source = Generation.source(of: Generation.response([try Generation.descriptorProto(), policy, user]))
    #expect(source.contains("struct RetryPolicy:"))
    #expect(!source.contains("BulwarkInterceptors"))
  }

  @Test("is described where it is imported, though it is among the files to generate")
  func copied() throws {
    let user = try Google_Protobuf_FileDescriptorProto(
      textFormatString: "name: \"user.proto\" syntax: \"proto3\" dependency: \"bulwark/policy.proto\""
    )
    let files = [try Generation.descriptorProto(), try PolicyProto.file(), user]
    let response = Generation.response(files, generating: 2)
    #expect(response.file.map(\.name) == ["user.bulwark.swift"])
    #expect(Generation.source(of: response).contains("\"bulwark/policy.proto\",\n"))
  }
}
