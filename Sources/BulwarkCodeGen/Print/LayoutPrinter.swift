import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Writes how a message is copied out of, and into, the memory that libprotobuf-c works on.
struct LayoutPrinter {
  private let plan: MessagePlan
  private let access: String
  private let entries: [MessagePlan]

  init(plan: MessagePlan, access: String, plans: [MessagePlan]) {
    self.plan = plan
    self.access = access
    self.entries = plans.filter { $0.message.options.mapEntry && $0.message.containingType === plan.message }
  }

  func write(to source: inout SourceText) {
    source.block("extension \(self.plan.fullName) {") { source in
      self.writeSchema(of: self.plan, to: &source)
      for entry in self.entries { self.writeSchema(of: entry, to: &source) }
      source.line(
        "\(self.access)static var protobufLayout: BulwarkProtobuf.MessageLayout { protobufSchemas[\(self.plan.index)] }"
      )
      source.line()
      self.writeReading(to: &source)
      source.line()
      self.writeWriting(to: &source)
    }
  }

  private func writeSchema(of plan: MessagePlan, to source: inout SourceText) {
    let property = plan.schemaName.split(separator: ".").last ?? ""
    let mapEntry = plan.message.options.mapEntry ? ", isMapEntry: true" : ""
    let opening =
      "BulwarkProtobuf.MessageSchema(\"\(plan.message.fullName)\", byteCount: \(plan.byteCount)\(mapEntry)"
    source.block("fileprivate static var \(property): BulwarkProtobuf.MessageSchema {") { source in
      if plan.fields.isEmpty {
        source.line("\(opening))")
      } else {
        source.block("\(opening), [", closing: "])") { source in
          for field in plan.fields { source.line("BulwarkProtobuf.\(field.schema),") }
        }
      }
    }
    source.line()
  }

  // MARK: - Reading

  /// Into a message that is there already: an initializer that can fail would copy what it has made.
  private func writeReading(to source: inout SourceText) {
    let signature =
      "mutating func read(from source: BulwarkProtobuf.MessageReader) throws(BulwarkProtobuf.ProtobufDecodingError)"
    source.block("\(self.access)\(signature) {") { source in
      for property in self.plan.properties {
        self.writeRequirement(of: property, to: &source)
        source.line(property.reading)
      }
      for oneof in self.plan.oneofs { self.writeReading(of: oneof, to: &source) }
      source.line("self.unknownFields = source.unknownFields")
    }
  }

  private func writeRequirement(of property: FieldPlan, to source: inout SourceText) {
    guard case .required = property.shape else { return }
    let place = property.presence.map { "presence: \($0)" } ?? "at: \(property.offset)"
    source.line(
      "try source.require(\"\(property.field.name)\", of: \"\(self.plan.message.fullName)\", \(place))"
    )
  }

  private func writeReading(of oneof: OneofPlan, to source: inout SourceText) {
    let property = "self.\(ReservedNames.quoted(oneof.name))"
    source.block("switch source.oneofCase(at: \(oneof.place.presence ?? 0)) {") { source in
      for member in oneof.members {
        let value = member.type.readingPresent(at: member.offset, from: "source")
        source.line(
          "case \(member.field.number): \(property) = .\(ReservedNames.quoted(member.name))(\(value))"
        )
      }
      source.line("default: \(property) = nil")
    }
  }

  // MARK: - Writing

  private func writeWriting(to source: inout SourceText) {
    source.block("\(self.access)func write(to target: BulwarkProtobuf.MessageWriter) {") { source in
      for property in self.plan.properties { source.line(property.writing) }
      for oneof in self.plan.oneofs { self.writeWriting(of: oneof, to: &source) }
      source.line("target.unknownFields(self.unknownFields)")
    }
  }

  private func writeWriting(of oneof: OneofPlan, to source: inout SourceText) {
    source.block("switch self.\(ReservedNames.quoted(oneof.name)) {") { source in
      for member in oneof.members {
        source.line("case .\(ReservedNames.quoted(member.name))(let value)?:")
        source.line("  target.oneofCase(\(member.field.number), at: \(oneof.place.presence ?? 0))")
        source.line("  target.\(member.type.accessor.one)(value, at: \(member.offset))")
      }
      source.line("case nil: break")
    }
  }
}

extension MessagePlan {
  /// The property that has the message's schema, as it can be written anywhere in the file.
  var schemaName: String {
    guard self.message.options.mapEntry, let parent = self.message.containingType else {
      return "\(self.fullName).protobufSchema"
    }
    let parentName = self.fullName.split(separator: ".").dropLast().joined(separator: ".")
    let place = parent.messages.firstIndex { $0 === self.message } ?? 0
    return "\(parentName).protobufEntrySchema\(place)"
  }
}

extension FieldPlan {
  /// The statement that copies the field's value out of memory.
  fileprivate var reading: String {
    if self.isRecursive {
      return "self.\(self.storedName) = BulwarkProtobuf.Boxed(\(self.readingExpression))"
    }
    if self.isSingularMessage {
      return "try source.message(into: &self.\(self.storedName), at: \(self.offset))"
    }
    return "self.\(self.storedName) = \(self.readingExpression)"
  }

  private var isSingularMessage: Bool {
    switch self.shape {
    case .singular, .required, .optional: self.type.isMessage
    case .repeated, .map, .oneofMember: false
    }
  }

  private var readingExpression: String {
    let (one, many) = self.type.accessor
    let attempt = self.type.isMessage ? "try " : ""
    let presence = self.presence.map { ", presence: \($0)" } ?? ""
    switch self.shape {
    case .singular, .required, .oneofMember:
      return "\(attempt)source.\(one)(at: \(self.offset))"
    case .optional:
      return "source.optional\(one.prefix(1).uppercased())\(one.dropFirst())(at: \(self.offset)\(presence))"
    case .repeated:
      return "\(attempt)source.\(many)(at: \(self.offset))"
    case .map(let map):
      let key = map.key.readingPresent(at: map.keyPlace.offset, from: "$0")
      if map.value.isMessage {
        return "try source.messageMap(at: \(self.offset), key: { \(key) }, valueAt: \(map.valuePlace.offset))"
      }
      let value = map.value.readingPresent(at: map.valuePlace.offset, from: "$0")
      return "source.map(at: \(self.offset), key: { \(key) }, value: { \(value) })"
    }
  }

  /// The statement that copies the field's value into memory.
  fileprivate var writing: String {
    let (one, many) = self.type.accessor
    let value = "self.\(ReservedNames.quoted(self.name))"
    let place = "at: \(self.offset)" + (self.presence.map { ", presence: \($0)" } ?? "")
    switch self.shape {
    case .singular, .oneofMember:
      return "target.\(self.type.isFloat ? "nonzeroScalar" : one)(\(value), \(place))"
    case .required:
      return "target.\(self.type.isMessage ? "requiredMessage" : one)(\(value), \(place))"
    case .optional:
      return "target.optional\(one.prefix(1).uppercased())\(one.dropFirst())(\(value), \(place))"
    case .repeated:
      return "target.\(many)(\(value), \(place))"
    case .map(let map):
      let key = "entry.\(map.key.accessor.one)(key, \(map.keyPlace.arguments))"
      let entryValue = "entry.\(map.value.accessor.one)(value, \(map.valuePlace.arguments))"
      let body = "{ entry, key, value in \(key); \(entryValue) }"
      return "target.map(\(value), \(place), entry: protobufSchemas[\(map.entryIndex)]) \(body)"
    }
  }
}

extension Place {
  fileprivate var arguments: String {
    "at: \(self.offset)" + (self.presence.map { ", presence: \($0)" } ?? "")
  }
}

extension ValueType {
  /// The expression that copies a value out of memory that is known to be there.
  fileprivate func readingPresent(at offset: Int, from source: String) -> String {
    self.isMessage
      ? "try \(source).presentMessage(at: \(offset))" : "\(source).\(self.accessor.one)(at: \(offset))"
  }
}
