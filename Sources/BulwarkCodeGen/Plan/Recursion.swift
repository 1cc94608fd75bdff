import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Finds the fields whose type contains the message that they are in.
enum Recursion {
  /// Whether a value of the field would hold, inline, a value of the message that the field is in.
  static func contains(_ field: FieldDescriptor) -> Bool {
    guard !field.isRepeated, let type = field.messageType, let target = field.containingType else {
      return false
    }
    var visited: Set<String> = []
    return self.reaches(target.fullName, from: type, &visited)
  }

  private static func reaches(_ target: String, from message: Descriptor, _ visited: inout Set<String>)
    -> Bool
  {
    if message.fullName == target { return true }
    guard visited.insert(message.fullName).inserted else { return false }
    for field in message.fields where !field.isRepeated && field.type == .message {
      if let type = field.messageType, self.reaches(target, from: type, &visited) { return true }
    }
    return false
  }
}
