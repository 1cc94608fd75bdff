import SwiftProtobufPluginLibrary

/// What can be passed with `--bulwark_opt=KEY=VALUE,KEY=VALUE`.
///
/// | key | value |
/// |---|---|
/// | `Visibility` | `public`, `package` or `internal` (the default): of everything that is generated |
/// | `Messages` | `Bulwark` (the default), or `SwiftProtobuf`: only services are generated, with the messages that swift-protobuf's generator writes |
/// | `TypePrefix` | stands before the name of every top-level type that is generated, unless the file has `swift_prefix` |
/// | `FileNaming` | `FullPath` (the default), `PathToUnderscores` or `DropPath`, as in swift-protobuf |
/// | `Import` | `FILE:MODULE`: the types of that .proto file are in that Swift module. May be given many times |
/// | `ProtoPathModuleMappings` | a file of such mappings, in swift-protobuf's format |
/// | `ImportRuntime` | `false` for files that become part of BulwarkProtobuf itself |
public struct GeneratorOptions {
  /// Who can see what is generated.
  public enum Visibility: String, CaseIterable, Sendable {
    case `public`, package, `internal`

    /// The access modifier with the blank behind it, if there is one.
    var modifier: String {
      switch self {
      case .public: "public "
      case .package: "package "
      case .internal: ""
      }
    }
  }

  /// What a generated file is called.
  public enum FileNaming: String, CaseIterable, Sendable {
    /// `a/b/c.proto` becomes `a/b/c.bulwark.swift`.
    case fullPath = "FullPath"
    /// `a/b/c.proto` becomes `a_b_c.bulwark.swift`.
    case pathToUnderscores = "PathToUnderscores"
    /// `a/b/c.proto` becomes `c.bulwark.swift`.
    case dropPath = "DropPath"
  }

  /// Whose messages the methods of services have.
  public enum Messages: String, CaseIterable, Sendable {
    /// Those that are generated with the services, by BulwarkProtobuf.
    case bulwark = "Bulwark"
    /// Those that swift-protobuf's generator writes, by BulwarkSwiftProtobuf; none are generated.
    case swiftProtobuf = "SwiftProtobuf"
  }

  /// Who can see what is generated.
  public var visibility = Visibility.internal

  /// Whose messages the methods of services have.
  public var messages = Messages.bulwark

  /// What stands before the name of every top-level type.
  public var typePrefix = ""

  /// What a generated file is called.
  public var fileNaming = FileNaming.fullPath

  private var modules: [String: String] = [:]
  private var mappings: ProtoFileToModuleMappings?

  /// Whether the generated files import the runtime.
  public var importsRuntime = true

  /// Creates the defaults.
  public init() {}

  /// Reads the options of a protoc run.
  ///
  /// - Throws: ``GeneratorError`` for a key or a value that does not exist, and for what does not go together.
  public init(_ pairs: [(key: String, value: String)]) throws {
    for (key, value) in pairs {
      switch key {
      case "Visibility": self.visibility = try Self.choice(key, value)
      case "Messages": self.messages = try Self.choice(key, value)
      case "FileNaming": self.fileNaming = try Self.choice(key, value)
      case "TypePrefix": self.typePrefix = value
      case "Import": try self.addImport(value)
      case "ProtoPathModuleMappings": self.mappings = try ProtoFileToModuleMappings(path: value)
      case "ImportRuntime": self.importsRuntime = value != "false"
      default: throw GeneratorError(description: "unknown option '\(key)'")
      }
    }
    guard self.importsRuntime || self.messages == .bulwark else {
      let reason =
        "is for messages that become part of BulwarkProtobuf, and Messages=SwiftProtobuf generates none"
      throw GeneratorError(description: "ImportRuntime=false \(reason)")
    }
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String,
    _ value: String
  ) throws -> Choice where Choice.RawValue == String {
    let found = Choice.allCases.first { $0.rawValue.lowercased() == value.lowercased() }
    guard let choice = found else {
      let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw GeneratorError(description: "\(key) is '\(value)', but must be one of: \(choices)")
    }
    return choice
  }

  private mutating func addImport(_ value: String) throws {
    let parts = value.split(separator: ":")
    guard parts.count == 2 else {
      throw GeneratorError(description: "Import is '\(value)', but must be FILE.proto:MODULE")
    }
    self.modules[String(parts[0])] = String(parts[1])
  }

  /// The Swift module that a .proto file's types are in; nil if they are in the module generated for.
  func module(of file: FileDescriptor) -> String? {
    if let module = self.modules[file.name] { return module }
    // The mappings always name swift-protobuf's module for the well-known types, which are not ours.
    let module = self.mappings?.moduleName(forFile: file)
    return module == self.mappings?.swiftProtobufModuleName ? nil : module
  }

  /// The Swift module that a .proto file's messages of swift-protobuf are in; nil if they are in the one that the
  /// services of a file are generated for.
  func swiftProtobufModule(of file: FileDescriptor, for services: FileDescriptor) -> String? {
    if let module = self.modules[file.name] { return module }
    let mappings = self.mappings ?? ProtoFileToModuleMappings()
    let module = mappings.moduleName(forFile: file)
    // The mappings that swift-protobuf's generator is given name the module generated for, too.
    return module == mappings.moduleName(forFile: services) ? nil : module
  }

  /// Where a .proto file's Swift goes.
  func outputName(for protoName: String) -> String {
    let name = protoName.hasSuffix(".proto") ? String(protoName.dropLast(6)) : protoName
    let path: String
    switch self.fileNaming {
    case .fullPath: path = name
    case .pathToUnderscores: path = name.split(separator: "/").joined(separator: "_")
    case .dropPath: path = name.split(separator: "/").last.map(String.init) ?? name
    }
    return path + ".bulwark.swift"
  }
}
