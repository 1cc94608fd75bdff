import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// The type of one value of a field.
enum ValueType {
  /// A number or a boolean: how a schema names it, how Swift does, and the bytes it takes in memory.
  case scalar(kind: String, swift: String, byteCount: Int, initial: String)
  /// An enumeration, with the case that its schema names first.
  case enumeration(swift: String, initial: String)
  case string
  case bytes
  /// A message, and how a ``SchemaTable`` refers to its layout.
  case message(swift: String, reference: String)

  /// The type in Swift.
  var swiftName: String {
    switch self {
    case .scalar(_, let swift, _, _), .enumeration(let swift, _), .message(let swift, _): swift
    case .string: "String"
    case .bytes: "[UInt8]"
    }
  }

  /// The type in a `FieldSchema`.
  var schemaKind: String {
    switch self {
    case .scalar(let kind, _, _, _): ".\(kind)"
    case .enumeration: ".enumeration"
    case .string: ".string"
    case .bytes: ".bytes"
    case .message(_, let reference): reference
    }
  }

  /// The bytes that a value takes in the memory of a message, which are also its alignment up to 8.
  var byteCount: Int {
    switch self {
    case .scalar(_, _, let byteCount, _): byteCount
    case .enumeration: 4
    case .string, .bytes: 16
    case .message: 8
    }
  }

  /// What a property of the type begins with; nil for messages, whose properties are optional.
  var initialValue: String? {
    switch self {
    case .scalar(_, _, _, let initial), .enumeration(_, let initial): initial
    case .string: "\"\""
    case .bytes: "[]"
    case .message: nil
    }
  }

  var isMessage: Bool {
    if case .message = self { true } else { false }
  }

  var isFloat: Bool {
    if case .scalar(_, let swift, _, _) = self { swift == "Float" || swift == "Double" } else { false }
  }

  /// What `MessageReader` and `MessageWriter` call a value, and many values.
  var accessor: (one: String, many: String) {
    switch self {
    case .scalar, .enumeration: ("scalar", "scalars")
    case .string: ("string", "strings")
    case .bytes: ("bytes", "bytesList")
    case .message: ("message", "messages")
    }
  }
}

extension ValueType {
  /// The type of a field; nil for a group.
  init?(_ field: FieldDescriptor, namer: Namer, table: TablePlan) {
    switch field.type {
    case .double: self = .scalar(kind: "double", swift: "Double", byteCount: 8, initial: "0")
    case .float: self = .scalar(kind: "float", swift: "Float", byteCount: 4, initial: "0")
    case .int64: self = .scalar(kind: "int64", swift: "Int64", byteCount: 8, initial: "0")
    case .uint64: self = .scalar(kind: "uint64", swift: "UInt64", byteCount: 8, initial: "0")
    case .int32: self = .scalar(kind: "int32", swift: "Int32", byteCount: 4, initial: "0")
    case .fixed64: self = .scalar(kind: "fixed64", swift: "UInt64", byteCount: 8, initial: "0")
    case .fixed32: self = .scalar(kind: "fixed32", swift: "UInt32", byteCount: 4, initial: "0")
    case .bool: self = .scalar(kind: "bool", swift: "Bool", byteCount: 4, initial: "false")
    case .uint32: self = .scalar(kind: "uint32", swift: "UInt32", byteCount: 4, initial: "0")
    case .sfixed32: self = .scalar(kind: "sfixed32", swift: "Int32", byteCount: 4, initial: "0")
    case .sfixed64: self = .scalar(kind: "sfixed64", swift: "Int64", byteCount: 8, initial: "0")
    case .sint32: self = .scalar(kind: "sint32", swift: "Int32", byteCount: 4, initial: "0")
    case .sint64: self = .scalar(kind: "sint64", swift: "Int64", byteCount: 8, initial: "0")
    case .string: self = .string
    case .bytes: self = .bytes
    case .enum:
      guard let type = field.enumType, let first = type.values.first else { return nil }
      let initial = namer.cases(of: type)[first.name] ?? first.name
      self = .enumeration(swift: namer.name(of: type), initial: ".\(ReservedNames.quoted(initial))")
    case .message:
      guard let type = field.messageType else { return nil }
      let name = namer.name(of: type)
      let reference = table.index(of: type).map { ".message(\($0))" } ?? ".imported(\(name).protobufLayout)"
      self = .message(swift: name, reference: reference)
    case .group: return nil
    }
  }
}
