import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Writes the declaration of a message: its properties, and the types nested in it.
struct MessagePrinter {
  private let namer: Namer
  private let access: String
  private let plans: [String: MessagePlan]

  init(namer: Namer, access: String, plans: [MessagePlan]) {
    self.namer = namer
    self.access = access
    self.plans = Dictionary(plans.map { ($0.message.fullName, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func writeDeclaration(of message: Descriptor, to source: inout SourceText) {
    guard let plan = self.plans[message.fullName], !message.options.mapEntry else { return }
    source.documentation(Comments.lines(of: message, isDeprecated: message.options.deprecated))
    source.block("\(self.access)struct \(plan.declaredName): BulwarkProtobuf.ProtobufMessage {") { source in
      for property in plan.properties { self.write(property, to: &source) }
      for oneof in plan.oneofs { self.write(oneof, to: &source) }
      source.line("/// The fields that came with the message and that its schema does not know.")
      source.line("\(self.access)var unknownFields = BulwarkProtobuf.UnknownFields()")
      source.line()
      source.line("/// Creates the message with every field at its default.")
      source.line("\(self.access)init() {}")
      for oneof in plan.oneofs {
        source.line()
        self.writeType(of: oneof, to: &source)
      }
      for enumeration in message.enums {
        source.line()
        EnumPrinter(enumeration, namer: self.namer, access: self.access).write(to: &source)
      }
      for nested in message.messages where !nested.options.mapEntry {
        source.line()
        self.writeDeclaration(of: nested, to: &source)
      }
    }
  }

  private func write(_ property: FieldPlan, to source: inout SourceText) {
    let name = ReservedNames.quoted(property.name)
    source.documentation(self.documentation(of: property))
    if property.isRecursive {
      source.block("\(self.access)var \(name): \(property.swiftType) {") { source in
        source.line("get { self.\(property.storedName)?.value }")
        source.line("set { self.\(property.storedName) = BulwarkProtobuf.Boxed(newValue) }")
      }
      source.line("private var \(property.storedName): BulwarkProtobuf.Boxed<\(property.type.swiftName)>?")
    } else {
      let value = property.initialValue.map { " = \($0)" } ?? ""
      source.line("\(self.access)var \(name): \(property.swiftType)\(value)")
    }
    source.line()
  }

  private func documentation(of property: FieldPlan) -> [String] {
    let field = property.field
    var lines = Comments.lines(of: field, isDeprecated: field.options.deprecated)
    if let value = field.defaultValue {
      if !lines.isEmpty { lines.append("") }
      // A string may hold anything, line ends included, and must not end the comment.
      let text = field.type == .string ? value.debugDescription : value
      lines.append("Where it is absent, readers take \(text) for it.")
    }
    return lines
  }

  private func write(_ oneof: OneofPlan, to source: inout SourceText) {
    source.documentation(Comments.lines(of: oneof.oneof, isDeprecated: false))
    source.line("\(self.access)var \(ReservedNames.quoted(oneof.name)): \(oneof.typeName)?")
    source.line()
  }

  private func writeType(of oneof: OneofPlan, to source: inout SourceText) {
    source.line("/// The members of `\(oneof.oneof.name)`, of which a message has one or none.")
    source.block("\(self.access)enum \(oneof.typeName): Hashable, Sendable {") { source in
      for member in oneof.members {
        source.documentation(self.documentation(of: member))
        let indirect = member.isRecursive ? "indirect " : ""
        source.line("\(indirect)case \(ReservedNames.quoted(member.name))(\(member.swiftType))")
      }
    }
  }
}

extension FieldPlan {
  /// The name of the property that holds the value: the field's own, unless it is behind a reference.
  var storedName: String { self.isRecursive ? "_\(self.name)" : ReservedNames.quoted(self.name) }
}
