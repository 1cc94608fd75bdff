import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// One thing that an annotation sets.
struct PolicySetting {
  /// What it is set to.
  enum Value {
    /// A value, as a Swift expression.
    case expression(String)
    /// A group of settings, which may be empty.
    case section([PolicySetting])
  }

  /// The key: `break_duration`.
  let key: String
  let value: Value

  /// The property of the policy's Swift type.
  var property: String { Casing.lowerCamel(self.key) }
}

extension [PolicySetting] {
  /// The settings of a section; nil if it is not mentioned.
  func section(_ key: String) -> [PolicySetting]? {
    guard case .section(let settings)? = self.first(where: { $0.key == key })?.value else { return nil }
    return settings
  }

  /// The Swift expression that a value is set to; nil if it is left open.
  func expression(_ key: String) -> String? {
    guard case .expression(let expression)? = self.first(where: { $0.key == key })?.value else { return nil }
    return expression
  }
}

/// Reads an annotation by the descriptor of its message.
struct PolicyReader {
  /// The file and the declaration that are annotated, for errors.
  let place: String

  /// The settings in the order of the descriptor's fields.
  ///
  /// - Throws: ``GeneratorError`` naming file, declaration and key of a value that the key cannot have.
  func settings(
    of message: Descriptor,
    _ bytes: ArraySlice<UInt8>,
    in section: String = ""
  ) throws(GeneratorError) -> [PolicySetting] {
    let options = try OptionBytes(bytes)
    var settings: [PolicySetting] = []
    for field in message.fields {
      guard let values = options.fields[field.number], let last = values.last else { continue }
      let key = section + field.name
      let value: PolicySetting.Value
      if field.type == .message, let part = options.message(field.number) {
        value = .section(try self.settings(of: field.messageType, part, in: "\(key)."))
      } else if field.isRepeated {
        var names: [String] = []
        for number in try options.integers(field.number) {
          names.append(try self.name(number, of: field, key))
        }
        value = .expression("[\(names.joined(separator: ", "))]")
      } else {
        value = .expression(try self.expression(last, of: field, key))
      }
      settings.append(PolicySetting(key: field.name, value: value))
    }
    return settings
  }

  /// A value as Swift writes it.
  private func expression(
    _ value: OptionBytes.Value,
    of field: FieldDescriptor,
    _ key: String
  ) throws(GeneratorError) -> String {
    switch (field.type, value) {
    case (.bool, .varint(let number)):
      return "\(number != 0)"
    case (.uint32, .varint(let number)):
      return "\(number)"
    case (.double, .fixed64(let pattern)):
      let number = Double(bitPattern: pattern)
      guard number.isFinite else { throw self.refusal(key, "\(number)", "a number") }
      return "\(number)"
    case (.enum, .varint(let number)):
      return try self.name(number, of: field, key)
    case (.string, .bytes(let bytes)) where field.name == Self.nameKey:
      let text = String(decoding: bytes, as: UTF8.self)
      guard !text.isEmpty else { throw self.refusal(key, "\"\"", "a text that is not empty") }
      return text.debugDescription
    case (.string, .bytes(let bytes)):
      let text = String(decoding: bytes, as: UTF8.self)
      guard let duration = DurationLiteral(text) else {
        throw self.refusal(key, text.debugDescription, DurationLiteral.allowed)
      }
      return duration.expression
    default:
      throw self.refusal(key, "of type \(field.type)", "what this version of protoc-gen-bulwark knows")
    }
  }

  /// The one key whose value is a text; all others that are strings are durations.
  private static let nameKey = "name"

  /// The Swift name of an enumerator.
  private func name(
    _ number: UInt64,
    of field: FieldDescriptor,
    _ key: String
  ) throws(GeneratorError) -> String {
    guard let choices = field.enumType?.values,
      let choice = choices.first(where: { $0.number == Int32(truncatingIfNeeded: number) })
    else {
      let names = field.enumType?.values.map(\.name) ?? []
      throw self.refusal(key, "\(number)", names.joined(separator: ", "))
    }
    return "." + (Self.irregularNames[choice.name] ?? Casing.lowerCamel(choice.name))
  }

  /// Enumerators that Swift does not call what the rule says.
  private static let irregularNames = ["ADAPTIVE_LIFO": "adaptiveLIFO", "INTERNAL": "internalError"]

  /// The error of a value.
  func refusal(_ key: String, _ value: String, _ allowed: String) -> GeneratorError {
    GeneratorError(description: "\(self.place): \(key) is \(value); allowed: \(allowed)")
  }
}
