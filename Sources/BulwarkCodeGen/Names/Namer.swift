import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// The Swift names of everything in the .proto files of a run.
///
/// A name depends on the .proto files and the options alone, so that two runs, one for each of two modules, agree.
struct Namer {
  private let options: GeneratorOptions
  private let generated: Set<String>

  init(options: GeneratorOptions, generating files: [FileDescriptor]) {
    self.options = options
    self.generated = Set(files.lazy.filter { !PolicySchema.isDefined(by: $0) }.map(\.name))
  }

  // MARK: - Types

  /// The name of a message, as it can be written anywhere in the module generated for.
  func name(of message: Descriptor) -> String {
    self.qualified(self.path(of: message), in: message.file)
  }

  /// The name of an enumeration, as it can be written anywhere in the module generated for.
  func name(of enumeration: EnumDescriptor) -> String {
    self.qualified(self.path(of: enumeration), in: enumeration.file)
  }

  /// The name of a message where it is declared.
  func declaredName(of message: Descriptor) -> String {
    guard let parent = message.containingType else {
      return self.topLevelName(message.name, "Message", message.file)
    }
    return self.nestedName(message.name, "Message", in: parent)
  }

  /// The name of an enumeration where it is declared.
  func declaredName(of enumeration: EnumDescriptor) -> String {
    guard let parent = enumeration.containingType else {
      return self.topLevelName(enumeration.name, "Enum", enumeration.file)
    }
    return self.nestedName(enumeration.name, "Enum", in: parent)
  }

  /// The name of the enumeration of a oneof's members, where it is declared.
  func declaredName(of oneof: OneofDescriptor) -> String {
    let name = Casing.identifier(Casing.upperCamel(oneof.name))
    let message: Descriptor = oneof.containingType
    let siblings =
      message.messages.map { self.declaredName(of: $0) } + message.enums.map { self.declaredName(of: $0) }
    return siblings.contains(name) ? name + "Oneof" : self.nestedName(name, "Oneof", in: message)
  }

  /// The name of a service's protocol.
  func name(of service: ServiceDescriptor) -> String {
    self.topLevelName(service.name, "Service", service.file)
  }

  private func path(of message: Descriptor) -> String {
    let name = ReservedNames.quoted(self.declaredName(of: message))
    return message.containingType.map { "\(self.path(of: $0)).\(name)" } ?? name
  }

  private func path(of enumeration: EnumDescriptor) -> String {
    let name = ReservedNames.quoted(self.declaredName(of: enumeration))
    return enumeration.containingType.map { "\(self.path(of: $0)).\(name)" } ?? name
  }

  private func topLevelName(_ name: String, _ kind: String, _ file: FileDescriptor) -> String {
    let prefixed = self.prefix(of: file) + name
    return ReservedNames.isReservedType(prefixed) ? prefixed + kind : prefixed
  }

  /// A nested type that has the name of a top-level one would hide it from the fields beside it.
  private func nestedName(_ name: String, _ kind: String, in parent: Descriptor) -> String {
    let file: FileDescriptor = parent.file
    let visible = [file] + file.dependencies.filter { !PolicySchema.isDefined(by: $0) }
    let isTaken = visible.contains { file in
      file.messages.contains { self.topLevelName($0.name, "Message", file) == name }
        || file.enums.contains { self.topLevelName($0.name, "Enum", file) == name }
    }
    return isTaken || ReservedNames.isReservedType(name) ? name + kind : name
  }

  // MARK: - Files

  /// The Swift modules that a file's types come from, apart from its own and the runtime.
  func importedModules(of file: FileDescriptor) -> Set<String> {
    Set(file.dependencies.compactMap { self.module(of: $0) })
  }

  /// The name of the static property of `ProtoFile` that describes a file: `consensusV1Consensus`.
  func descriptorName(of file: FileDescriptor) -> String {
    let path = file.name.hasSuffix(".proto") ? String(file.name.dropLast(6)) : file.name
    let words = path.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
    return ReservedNames.quoted(ReservedNames.property(Casing.identifier(Casing.lowerCamel(String(words)))))
  }

  /// Whether code that describes the file is known to be there: it is generated now, or it is in another module.
  func hasDescriptor(_ file: FileDescriptor) -> Bool {
    if self.generated.contains(file.name) { return true }
    // A module with messages of swift-protobuf has no descriptions.
    guard self.options.messages == .bulwark else { return false }
    return self.options.module(of: file) != nil || WellKnownTypes.prefixes[file.name] != nil
  }

  private func prefix(of file: FileDescriptor) -> String {
    if file.options.hasSwiftPrefix { return file.options.swiftPrefix }
    return WellKnownTypes.prefixes[file.name] ?? self.options.typePrefix
  }

  private func module(of file: FileDescriptor) -> String? {
    if self.generated.contains(file.name) { return nil }
    if let module = self.options.module(of: file) { return module }
    // Without an import of the runtime the file is part of it, and so are the types that it has.
    let isInRuntime = WellKnownTypes.prefixes[file.name] != nil && self.options.importsRuntime
    return isInRuntime ? "BulwarkProtobuf" : nil
  }

  private func qualified(_ path: String, in file: FileDescriptor) -> String {
    self.module(of: file).map { "\($0).\(path)" } ?? path
  }

  // MARK: - Members

  /// The names of a message's properties: its fields outside of oneofs, and its oneofs. By their names in the file.
  func properties(of message: Descriptor) -> [String: String] {
    let fields = message.fields.filter { $0.realContainingOneof == nil }
    return Self.unique(
      fields.map { (key: $0.name, number: $0.number) }
        + message.realOneofs.map { (key: $0.name, number: $0.fields.first?.number ?? 0) },
      reserving: ReservedNames.property
    )
  }

  /// The names of the cases of a oneof's enumeration, by the fields' names in the file.
  func cases(of oneof: OneofDescriptor) -> [String: String] {
    Self.unique(oneof.fields.map { (key: $0.name, number: $0.number) }, reserving: ReservedNames.enumCase)
  }

  /// The names of an enumeration's values, by their names in the file. What the names of all values begin with
  /// because enumerations have no scope of their own in a .proto file is left out.
  func cases(of enumeration: EnumDescriptor) -> [String: String] {
    Self.unique(
      enumeration.values.map { (key: $0.name, number: $0.number) },
      reserving: ReservedNames.enumCase,
      shortening: { EnumPrefix.strip(enumeration.name, from: $0) }
    )
  }

  /// The names of a service's methods, by their names in the file.
  func methods(of service: ServiceDescriptor) -> [String: String] {
    Self.unique(
      service.methods.map { (key: $0.name, number: Int32(truncatingIfNeeded: $0.index)) },
      reserving: ReservedNames.method
    )
  }

  /// Names that differ: of two that would be equal, the later one gets its number behind it.
  private static func unique(
    _ members: [(key: String, number: Int32)],
    reserving reserved: (String) -> String,
    shortening shorten: (String) -> String = { $0 }
  ) -> [String: String] {
    var taken: Set<String> = []
    var names: [String: String] = [:]
    for (key, number) in members {
      var name = reserved(Casing.identifier(Casing.lowerCamel(shorten(key))))
      if !taken.insert(name).inserted {
        name += number < 0 ? "_minus\(number.magnitude)" : "_\(number)"
        taken.insert(name)
      }
      names[key] = name
    }
    return names
  }
}

/// The files that the runtime has the types of.
enum WellKnownTypes {
  /// What stands before the names of a file's types, by the name of the file.
  static let prefixes: [String: String] = [
    "google/protobuf/any.proto": "Protobuf",
    "google/protobuf/duration.proto": "Protobuf",
    "google/protobuf/empty.proto": "Protobuf",
    "google/protobuf/field_mask.proto": "Protobuf",
    "google/protobuf/struct.proto": "Protobuf",
    "google/protobuf/timestamp.proto": "Protobuf",
    "google/protobuf/wrappers.proto": "Protobuf",
    "google/rpc/error_details.proto": "",
    "google/rpc/status.proto": "RPC",
  ]
}
