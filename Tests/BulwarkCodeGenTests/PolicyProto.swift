import Foundation
import SwiftProtobuf

/// `Protos/bulwark/policy.proto` as it is in the checkout, read by as much of the language as it is written in.
enum PolicyProto {
  static let package = "bulwark"

  /// What protoc would make of the file.
  static func file() throws -> Google_Protobuf_FileDescriptorProto {
    let checkout = URL(filePath: #filePath).appending(path: "../../..").standardized
    let path = checkout.appending(path: "Protos/bulwark/policy.proto").path
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline)
    let statements = lines.map { line in line.split { " ;={".contains($0) }.map(String.init) }
    let enums = Set(statements.filter { $0.first == "enum" }.map { $0[1] })

    var file = Google_Protobuf_FileDescriptorProto()
    file.name = "bulwark/policy.proto"
    file.package = Self.package
    file.syntax = "proto2"
    file.dependency = ["google/protobuf/descriptor.proto"]
    var extendee = ""
    for words in statements {
      switch words.first {
      case "message"?: file.messageType.append(.with { $0.name = words[1] })
      case "enum"?: file.enumType.append(.with { $0.name = words[1] })
      case "extend"?: extendee = ".\(words[1])"
      case "}"?: extendee = ""
      case "optional"?, "repeated"?:
        let field = Self.field(words, extendee: extendee, enums: enums)
        if extendee.isEmpty {
          file.messageType[file.messageType.count - 1].field.append(field)
        } else {
          file.extension.append(field)
        }
      default:
        guard words.count == 2, let number = Int32(words[1]) else { continue }
        file.enumType[file.enumType.count - 1].value.append(
          .with {
            $0.name = words[0]
            $0.number = number
          }
        )
      }
    }
    return file
  }

  private static func field(
    _ words: [String],
    extendee: String,
    enums: Set<String>
  ) -> Google_Protobuf_FieldDescriptorProto {
    let scalars: [String: Google_Protobuf_FieldDescriptorProto.TypeEnum] = [
      "bool": .bool, "double": .double, "string": .string, "uint32": .uint32,
    ]
    return .with {
      $0.label = words[0] == "repeated" ? .repeated : .optional
      $0.type = scalars[words[1]] ?? (enums.contains(words[1]) ? .enum : .message)
      if scalars[words[1]] == nil { $0.typeName = ".\(Self.package).\(words[1])" }
      $0.name = words[2]
      $0.jsonName = words[2]
      $0.number = Int32(words[3]) ?? 0
      if !extendee.isEmpty { $0.extendee = extendee }
    }
  }
}

extension Google_Protobuf_FileDescriptorProto {
  /// The message of a field's type.
  func message(_ typeName: String) throws -> Google_Protobuf_DescriptorProto {
    try self.messageType.find { ".\(self.package).\($0.name)" == typeName }
  }

  /// The enumeration of a field's type.
  func enumeration(_ typeName: String) throws -> Google_Protobuf_EnumDescriptorProto {
    try self.enumType.find { ".\(self.package).\($0.name)" == typeName }
  }
}

extension Array {
  /// The element that there must be.
  func find(_ isWanted: (Element) -> Bool) throws -> Element {
    guard let element = self.first(where: isWanted) else { throw Missing() }
    return element
  }
}

/// Something that a test's text names is not in the .proto file.
struct Missing: Error {}
