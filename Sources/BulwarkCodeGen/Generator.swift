import SwiftProtobuf
public import SwiftProtobufPluginLibrary

/// The protoc plugin: `protoc --bulwark_out=DIR [--bulwark_opt=KEY=VALUE,…] FILE.proto`.
///
/// It writes one `NAME.bulwark.swift` for each file that protoc asks for, but for `bulwark/policy.proto`, which has
/// nothing to generate. ``GeneratorOptions`` lists the options.
public struct BulwarkGenerator: CodeGenerator {
  /// Creates the generator.
  public init() {}

  /// proto3 `optional` is understood.
  public var supportedFeatures: [Google_Protobuf_Compiler_CodeGeneratorResponse.Feature] {
    [.proto3Optional]
  }

  /// Generates the files that protoc asks for.
  ///
  /// - Throws: ``GeneratorError`` with one line for the person who ran protoc.
  public func generate(
    files: [FileDescriptor],
    parameter: any CodeGeneratorParameter,
    protoCompilerContext: any ProtoCompilerContext,
    generatorOutputs: any GeneratorOutputs
  ) throws {
    let options = try GeneratorOptions(parameter.parsedPairs)
    let namer = Namer(options: options, generating: files)
    for file in files where !PolicySchema.isDefined(by: file) {
      var source = SourceText()
      try FilePlan(file, namer: namer, options: options).write(to: &source)
      try generatorOutputs.add(fileName: options.outputName(for: file.name), contents: source.text)
    }
  }
}

/// Why nothing was generated, in one line.
public struct GeneratorError: Error, CustomStringConvertible {
  /// The line.
  public let description: String
}
