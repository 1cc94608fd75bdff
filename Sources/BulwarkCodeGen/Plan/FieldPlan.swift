import SwiftProtobufPluginLibrary

/// What is generated for one field of a message.
struct FieldPlan {
  /// How often the field may be there, and what it is in Swift.
  enum Shape {
    /// A value, which is its default when it is absent; a message is an `Optional`.
    case singular
    /// An `Optional`.
    case optional
    /// A value that proto2 requires; a message is an `Optional`.
    case required
    /// An array.
    case repeated(isPacked: Bool)
    /// A dictionary.
    case map(MapPlan)
    /// A case of a oneof's enumeration.
    case oneofMember
  }

  let field: FieldDescriptor
  let type: ValueType
  let shape: Shape

  /// The name of the property or the case, without backticks.
  let name: String

  /// Where the value lies in the memory of a message.
  let offset: Int

  /// Where the flag of the value's presence, or the case number of the oneof, lies; nil if there is neither.
  let presence: Int?

  /// Whether the field's type contains the message that the field is in, so that it is held behind a reference.
  let isRecursive: Bool

  /// The type of the property.
  var swiftType: String {
    switch self.shape {
    case .singular, .required: self.type.isMessage ? "\(self.type.swiftName)?" : self.type.swiftName
    case .optional: "\(self.type.swiftName)?"
    case .repeated: "[\(self.type.swiftName)]"
    case .map(let map): "[\(map.key.swiftName): \(map.value.swiftName)]"
    case .oneofMember: self.type.swiftName
    }
  }

  /// What the property begins with; nil if that is nil.
  var initialValue: String? {
    switch self.shape {
    case .singular, .required, .oneofMember: self.type.initialValue
    case .optional: nil
    case .repeated: "[]"
    case .map: "[:]"
    }
  }

  /// The field in a `MessageSchema`.
  var schema: String {
    let presence =
      switch self.shape {
      case .repeated(let isPacked): isPacked ? ", .packed" : ", .repeated"
      case .map: ", .repeated"
      case .oneofMember: ", .oneof(at: \(self.presence ?? 0))"
      case .singular, .optional, .required: self.presence.map { ", .explicit(at: \($0))" } ?? ""
      }
    return
      "FieldSchema(\(self.field.number), \"\(self.field.name)\", \(self.type.schemaKind)\(presence), at: \(self.offset))"
  }
}

/// The key and the value of a map's entries, and where they lie in the memory of an entry.
struct MapPlan {
  let key: ValueType
  let keyPlace: Place
  let value: ValueType
  let valuePlace: Place

  /// The place of the entries' layout in the file's table.
  let entryIndex: Int
}
