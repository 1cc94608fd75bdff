import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// One thing that an annotation sets.
package struct PolicySetting {
  /// What it is set to.
  package enum Value {
    case literal(PolicyLiteral)
    /// A group of settings, which may be empty.
    case section([PolicySetting])
  }

  /// The key: `break_duration`.
  package let key: String
  package let value: Value

  /// The property of the policy's Swift type.
  var property: String { Casing.lowerCamel(self.key) }
}

extension [PolicySetting] {
  /// The settings of a section; nil if it is not mentioned.
  func section(_ key: String) -> [PolicySetting]? {
    guard case .section(let settings)? = self.first(where: { $0.key == key })?.value else { return nil }
    return settings
  }

  /// What a value is set to; nil if it is left open.
  func literal(_ key: String) -> PolicyLiteral? {
    guard case .literal(let literal)? = self.first(where: { $0.key == key })?.value else { return nil }
    return literal
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
        value = .literal(.choices(names))
      } else {
        value = .literal(try self.literal(last, of: field, key))
      }
      settings.append(PolicySetting(key: field.name, value: value))
    }
    return settings
  }

  private func literal(
    _ value: OptionBytes.Value,
    of field: FieldDescriptor,
    _ key: String
  ) throws(GeneratorError) -> PolicyLiteral {
    switch (field.type, value) {
    case (.bool, .varint(let number)):
      return .flag(number != 0)
    case (.uint32, .varint(let number)):
      return .integer(number)
    case (.double, .fixed64(let pattern)):
      let number = Double(bitPattern: pattern)
      guard number.isFinite else { throw self.refusal(key, "\(number)", "a number") }
      return .number(number)
    case (.enum, .varint(let number)):
      return .choice(try self.name(number, of: field, key))
    case (.string, .bytes(let bytes)) where field.name == Self.nameKey:
      let text = String(decoding: bytes, as: UTF8.self)
      guard !text.isEmpty else { throw self.refusal(key, "\"\"", "a text that is not empty") }
      return .text(text)
    case (.string, .bytes(let bytes)):
      let text = String(decoding: bytes, as: UTF8.self)
      guard DurationLiteral(text) != nil else {
        throw self.refusal(key, text.debugDescription, DurationLiteral.allowed)
      }
      return .duration(text)
    default:
      throw self.refusal(key, "of type \(field.type)", "what this version of protoc-gen-bulwark knows")
    }
  }

  /// The one key whose value is a text; all others that are strings are durations.
  private static let nameKey = "name"

  /// The name of an enumerator.
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
    return choice.name
  }

  /// The error of a value.
  func refusal(_ key: String, _ value: String, _ allowed: String) -> GeneratorError {
    GeneratorError(description: "\(self.place): \(key) is \(value); allowed: \(allowed)")
  }
}
