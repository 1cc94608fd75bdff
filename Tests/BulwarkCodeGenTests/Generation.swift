import BulwarkCodeGen
import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Runs the generator as protoc would, on descriptors in text format.
enum Generation {
  /// What is generated for the last of the files, which may import the ones before it.
  static func source(_ files: String..., options: String = "") throws -> String {
    try Self.source(of: Self.response(files, options: options))
  }

  /// What is in the one file of an answer, or why there is none.
  static func source(of response: Google_Protobuf_Compiler_CodeGeneratorResponse) -> String {
    response.file.first?.content ?? "nothing; error: \(response.error)"
  }

  /// The part of a source before the description of its file, which stands at the end.
  static func declarations(in source: String) -> String {
    source.split(separator: "\n// MARK: - Descriptor", maxSplits: 1).first.map(String.init) ?? ""
  }

  /// The plugin's answer to protoc, with the last file to generate.
  static func response(
    _ files: [String],
    options: String = ""
  ) throws -> Google_Protobuf_Compiler_CodeGeneratorResponse {
    let protos = try files.map { text in
      var proto = try Google_Protobuf_FileDescriptorProto(textFormatString: text)
      proto.messageType = proto.messageType.map(Self.completed)
      return proto
    }
    return Self.response(protos, options: options)
  }

  /// The plugin's answer to protoc, with the last files to generate.
  static func response(
    _ protos: [Google_Protobuf_FileDescriptorProto],
    generating count: Int = 1,
    options: String = ""
  ) -> Google_Protobuf_Compiler_CodeGeneratorResponse {
    let request = Google_Protobuf_Compiler_CodeGeneratorRequest.with {
      $0.protoFile = protos
      $0.fileToGenerate = protos.suffix(count).map(\.name)
      $0.parameter = options
    }
    return generateCode(request: request, generator: BulwarkGenerator())
  }

  /// The message with what protoc says of each field, whether or not the .proto file does.
  private static func completed(_ message: Google_Protobuf_DescriptorProto) -> Google_Protobuf_DescriptorProto
  {
    var message = message
    message.nestedType = message.nestedType.map(Self.completed)
    message.field = message.field.map { field in
      var field = field
      if !field.hasLabel { field.label = .optional }
      if !field.hasJsonName { field.jsonName = field.name }
      return field
    }
    return message
  }

  /// The lines of a source that hold a piece of text, without their indentation.
  static func lines(of source: String, with text: String) -> [String] {
    source.split(separator: "\n").filter { $0.contains(text) }.map { String($0.drop { $0 == " " }) }
  }
}
