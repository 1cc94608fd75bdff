/// A .proto file as protoc describes it: what server reflection tells clients of.
///
/// Generated code has one for each file. It costs nothing until it is read: the description is text in the program.
public struct ProtoFile: Sendable {
  /// The name by which other files import it, for example `consensus/v1/consensus.proto`.
  public let name: String

  private let descriptor: StaticString
  private let listImports: @Sendable () -> [ProtoFile]

  /// Joins a name and a description. For generated code.
  ///
  /// - Parameters:
  ///   - name: the name by which other files import it.
  ///   - descriptor: the bytes of its `google.protobuf.FileDescriptorProto`, one Unicode scalar for each, U+0000 to
  ///     U+00FF: a literal that the compiler lays out, where an array would be filled by code at its first use.
  ///   - imports: the files that it imports itself.
  public init(
    _ name: String,
    descriptor: StaticString,
    imports: @autoclosure @escaping @Sendable () -> [ProtoFile]
  ) {
    self.name = name
    self.descriptor = descriptor
    self.listImports = imports
  }

  /// The bytes of the file's `google.protobuf.FileDescriptorProto`, made anew each time.
  public var serializedDescriptor: [UInt8] {
    self.descriptor.description.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
  }

  /// The files that it imports itself, not those which they import.
  public var imports: [ProtoFile] { self.listImports() }
}
