import SwiftProtobuf
package import SwiftProtobufPluginLibrary

/// `bulwark/policy.proto` as protoc knows it in a run: the two options, and the messages that describe their values.
///
/// It is what the user's protoc has read, and not a copy of it, so that an option is read by the descriptor that it was
/// written by.
package struct PolicySchema {
  /// `(bulwark.policy)` of a method.
  let method: FieldDescriptor

  /// `(bulwark.default_policy)` of a service.
  let service: FieldDescriptor

  private static let methodOption = "bulwark.policy"
  private static let serviceOption = "bulwark.default_policy"

  /// The options that a file can use; nil if it does not import them.
  package init?(visibleIn file: FileDescriptor) {
    var extensions: [FieldDescriptor] = []
    for imported in file.dependencies { Self.collect(from: imported, into: &extensions) }
    guard let method = extensions.first(where: { $0.fullName == Self.methodOption }),
      let service = extensions.first(where: { $0.fullName == Self.serviceOption })
    else { return nil }
    self.method = method
    self.service = service
  }

  /// Whether a file is the one that defines the options. It describes annotations, and nothing that is sent: no Swift
  /// is generated for it.
  static func isDefined(by file: FileDescriptor) -> Bool {
    file.extensions.contains { $0.fullName == self.methodOption }
  }

  /// A file sees what it imports, and what that imports publicly.
  private static func collect(from file: FileDescriptor, into extensions: inout [FieldDescriptor]) {
    extensions += file.extensions
    for imported in file.publicDependencies { self.collect(from: imported, into: &extensions) }
  }
}
