import SwiftProtobufPluginLibrary

/// The messages of a file in the order in which its schema table holds them: map entries included.
struct TablePlan {
  let messages: [Descriptor]
  private let indices: [String: Int]

  init(_ file: FileDescriptor) {
    self.messages = file.messages.flatMap(Self.withNested)
    self.indices = Dictionary(
      self.messages.enumerated().map { ($1.fullName, $0) },
      uniquingKeysWith: { first, _ in first }
    )
  }

  /// The place of a message in the table; nil if it is of another file.
  func index(of message: Descriptor) -> Int? { self.indices[message.fullName] }

  private static func withNested(_ message: Descriptor) -> [Descriptor] {
    [message] + message.messages.flatMap(Self.withNested)
  }
}
