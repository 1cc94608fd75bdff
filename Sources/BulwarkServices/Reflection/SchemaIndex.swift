import BulwarkCore
import BulwarkProtobuf

/// What some .proto files and all that they import declare, by name.
struct SchemaIndex {
  private struct File {
    let bytes: [UInt8]
    let imports: [String]
  }

  private var files: [String: File] = [:]
  private var symbols: [String: String] = [:]
  private var messages: Set<String> = []
  private var extensions: [String: [Int32: String]] = [:]

  init(_ roots: [ProtoFile]) {
    var waiting = roots
    while let file = waiting.popLast() {
      guard self.files[file.name] == nil else { continue }
      let bytes = file.serializedDescriptor
      let imports = file.imports
      self.files[file.name] = File(bytes: bytes, imports: imports.map(\.name))
      waiting += imports
      // A file that cannot be read, which protoc does not write, is still known by its name.
      if let descriptor = try? FileDescriptorProto(serializedBytes: bytes) {
        self.add(descriptor, of: file.name)
      }
    }
  }

  // MARK: - Questions

  /// The descriptor of the file, and those of all that it imports.
  func descriptors(named name: String) -> [[UInt8]]? {
    guard self.files[name] != nil else { return nil }
    var found: [[UInt8]] = []
    var seen: Set<String> = []
    var waiting = [name]
    while !waiting.isEmpty {
      let next = waiting.removeFirst()
      guard seen.insert(next).inserted, let file = self.files[next] else { continue }
      found.append(file.bytes)
      waiting += file.imports
    }
    return found
  }

  /// The same for the file that declares a service, a method, a message, a field, an enumeration, a value or an
  /// extension.
  func descriptors(declaring symbol: String) -> [[UInt8]]? {
    self.symbols[symbol].flatMap { self.descriptors(named: $0) }
  }

  /// The same for the file that extends a message with this field number.
  func descriptors(extending message: String, with number: Int32) -> [[UInt8]]? {
    self.extensions[message]?[number].flatMap { self.descriptors(named: $0) }
  }

  /// The field numbers of a message's extensions, in order; nil if there is no such message.
  func extensionNumbers(of message: String) -> [Int32]? {
    guard self.messages.contains(message) else { return nil }
    return self.extensions[message]?.keys.sorted() ?? []
  }

  // MARK: - What a file declares

  private mutating func add(_ file: FileDescriptorProto, of name: String) {
    let package = file.package ?? ""
    for message in file.messageType { self.add(message, in: package, of: name) }
    for enumeration in file.enumType { self.add(enumeration, in: package, of: name) }
    for field in file.extension { self.add(field, in: package, of: name) }
    for service in file.service {
      let path = self.declare(service.name, in: package, of: name)
      for method in service.method { self.declare(method.name, in: path, of: name) }
    }
  }

  private mutating func add(_ message: DescriptorProto, in scope: String, of file: String) {
    let path = self.declare(message.name, in: scope, of: file)
    self.messages.insert(path)
    for field in message.field { self.declare(field.name, in: path, of: file) }
    for oneof in message.oneofDecl { self.declare(oneof.name, in: path, of: file) }
    for nested in message.nestedType { self.add(nested, in: path, of: file) }
    for enumeration in message.enumType { self.add(enumeration, in: path, of: file) }
    for field in message.extension { self.add(field, in: path, of: file) }
  }

  private mutating func add(_ enumeration: EnumDescriptorProto, in scope: String, of file: String) {
    self.declare(enumeration.name, in: scope, of: file)
    // The values of an enumeration stand beside it, as in C++, and not in it.
    for value in enumeration.value { self.declare(value.name, in: scope, of: file) }
  }

  private mutating func add(_ field: FieldDescriptorProto, in scope: String, of file: String) {
    self.declare(field.name, in: scope, of: file)
    guard let extended = field.extendee, let number = field.number else { return }
    let message = extended.hasPrefix(".") ? String(extended.dropFirst()) : extended
    self.extensions[message, default: [:]][number] = file
  }

  @discardableResult
  private mutating func declare(_ name: String?, in scope: String, of file: String) -> String {
    let name = name ?? ""
    let path = scope.isEmpty ? name : "\(scope).\(name)"
    self.symbols[path] = file
    return path
  }
}
