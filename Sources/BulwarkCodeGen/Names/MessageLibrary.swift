import SwiftProtobufPluginLibrary

/// Whose messages the methods of a file's services have.
enum MessageLibrary {
  case bulwark(FileDescriptor, Namer)
  case swiftProtobuf(SwiftProtobufNames)

  init(_ file: FileDescriptor, namer: Namer, options: GeneratorOptions) {
    switch options.messages {
    case .bulwark: self = .bulwark(file, namer)
    case .swiftProtobuf: self = .swiftProtobuf(SwiftProtobufNames(seenFrom: file, options: options))
    }
  }

  /// The `MessageCodec` of its messages, where the type of one is known.
  var codec: String {
    switch self {
    case .bulwark: ".protobuf"
    case .swiftProtobuf: ".swiftProtobuf"
    }
  }

  /// The module that has that codec.
  var codecModule: String {
    switch self {
    case .bulwark: "BulwarkProtobuf"
    case .swiftProtobuf: "BulwarkSwiftProtobuf"
    }
  }

  /// The modules that the types of messages come from, apart from the one generated for.
  var importedModules: Set<String> {
    switch self {
    case .bulwark(let file, let namer): namer.importedModules(of: file)
    case .swiftProtobuf(let names): names.importedModules
    }
  }

  /// The name of a message, as it can be written anywhere in the module generated for.
  func name(of message: Descriptor) -> String {
    switch self {
    case .bulwark(_, let namer): namer.name(of: message)
    case .swiftProtobuf(let names): names.name(of: message)
    }
  }
}
