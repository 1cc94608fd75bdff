import SwiftProtobufPluginLibrary

/// The Swift names that swift-protobuf's generator gives messages, and the modules that they are in.
struct SwiftProtobufNames {
  private let namer = SwiftProtobufNamer()
  private let services: FileDescriptor
  private let options: GeneratorOptions

  /// - Parameter services: the file whose services name the messages.
  init(seenFrom services: FileDescriptor, options: GeneratorOptions) {
    self.services = services
    self.options = options
  }

  /// The name of a message, as it can be written anywhere in the module generated for.
  func name(of message: Descriptor) -> String {
    let path = self.path(of: message)
    return self.module(of: message).map { "\($0).\(path)" } ?? path
  }

  /// The modules that the messages of the services come from, apart from their own.
  var importedModules: Set<String> {
    let methods = self.services.services.flatMap(\.methods)
    return Set(methods.flatMap { [$0.inputType, $0.outputType] }.compactMap { self.module(of: $0) })
  }

  private func path(of message: Descriptor) -> String {
    let name = self.namer.relativeName(message: message)
    return message.containingType.map { "\(self.path(of: $0)).\(name)" } ?? name
  }

  private func module(of message: Descriptor) -> String? {
    self.options.swiftProtobufModule(of: message.file, for: self.services)
  }
}
